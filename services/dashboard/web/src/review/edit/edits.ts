// Edits as the contract has them, and what they are called. Pure: what they make of a plan is for the server to say.
import { create, type JsonObject } from "@bufbuild/protobuf";

import {
  DependentsChoice,
  type Edit,
  EditSchema,
} from "../../gen/assent/plan/v1/edit_pb";
import { type DependencyType, type WorkItem, WorkItemSchema } from "../../gen/assent/plan/v1/plan_pb";

/** The fields of an item that the form holds, as texts. */
export interface ItemTexts {
  name: string;
  description: string;
  tool: string;
  /** JSON. */
  arguments: string;
  timeoutSeconds: string;
  maxRetries: string;
  preferredAgentType: string;
}

export function textsOf(item: WorkItem): ItemTexts {
  const { constraints } = item;
  return {
    name: item.name,
    description: item.description,
    tool: item.tool,
    arguments: JSON.stringify(item.arguments ?? {}, null, 2),
    timeoutSeconds: constraints?.timeout === undefined ? "" : String(constraints.timeout.seconds),
    maxRetries: constraints?.maxRetries === undefined ? "" : String(constraints.maxRetries),
    preferredAgentType: item.preferredAgentType,
  };
}

/** What is wrong with the texts; empty when nothing is. */
export function problemIn(texts: ItemTexts): string {
  try {
    const value: unknown = JSON.parse(texts.arguments);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return "The arguments must be an object.";
  } catch (error) {
    return `The arguments are no JSON: ${error instanceof Error ? error.message : ""}`;
  }
  const whole = /^\d*$/;
  if (!whole.test(texts.timeoutSeconds)) return "The timeout must be a whole number of seconds.";
  if (!whole.test(texts.maxRetries)) return "The retries must be a whole number.";
  return "";
}

const PATHS: Record<keyof ItemTexts, string> = {
  name: "name",
  description: "description",
  tool: "tool",
  arguments: "arguments",
  timeoutSeconds: "constraints.timeout",
  maxRetries: "constraints.max_retries",
  preferredAgentType: "preferred_agent_type",
};

/** An edit of the fields that differ, and of no others; none when none differ. */
export function updateOf(item: WorkItem, texts: ItemTexts): Edit | undefined {
  const before = textsOf(item);
  const changed = (Object.keys(PATHS) as (keyof ItemTexts)[]).filter((name) => texts[name] !== before[name]);
  if (changed.length === 0) return undefined;
  const { timeoutSeconds, maxRetries } = texts;
  const next = create(WorkItemSchema, {
    id: item.id,
    name: texts.name,
    description: texts.description,
    tool: texts.tool,
    arguments: JSON.parse(texts.arguments) as JsonObject,
    preferredAgentType: texts.preferredAgentType,
    constraints: {
      ...(timeoutSeconds === "" ? {} : { timeout: { seconds: BigInt(timeoutSeconds) } }),
      ...(maxRetries === "" ? {} : { maxRetries: Number(maxRetries) }),
    },
  });
  const paths = changed.map((name) => PATHS[name]);
  return create(EditSchema, { edit: { case: "updateWorkItem", value: { item: next, updateMask: { paths } } } });
}

export const removal = (itemId: string): Edit =>
  create(EditSchema, {
    edit: { case: "removeWorkItem", value: { itemId, dependents: DependentsChoice.RECONNECT } },
  });

export const addedEdge = (from: string, to: string, type: DependencyType): Edit =>
  create(EditSchema, { edit: { case: "addDependency", value: { dependency: { from, to, type } } } });

export const removedEdge = (from: string, to: string): Edit =>
  create(EditSchema, { edit: { case: "removeDependency", value: { from, to } } });

/** The order of `ids` with one moved by so many places. */
export function moved(ids: readonly string[], id: string, by: number): Edit {
  const itemIds = ids.filter((one) => one !== id);
  const at = Math.max(0, Math.min(itemIds.length, ids.indexOf(id) + by));
  itemIds.splice(at, 0, id);
  return create(EditSchema, { edit: { case: "reorderWorkItems", value: { itemIds } } });
}

export function editText({ edit }: Edit): string {
  switch (edit.case) {
    case "updateWorkItem":
      return `change ${edit.value.updateMask?.paths.join(", ") ?? ""} of ${edit.value.item?.id ?? ""}`;
    case "removeWorkItem":
      return `remove ${edit.value.itemId}; what waited for it waits for what it waited for`;
    case "addDependency":
      return `${edit.value.dependency?.to ?? ""} waits for ${edit.value.dependency?.from ?? ""}`;
    case "removeDependency":
      return `${edit.value.to} no longer waits for ${edit.value.from}`;
    case "reorderWorkItems":
      return "another order of the items";
    default:
      return "an edit";
  }
}
