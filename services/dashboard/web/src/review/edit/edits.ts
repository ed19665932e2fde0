// Edits as the contract has them, and what they are called. Pure: what they make of a plan is for the server to say.
import { create } from "@bufbuild/protobuf";

import { DependentsChoice, type Edit, EditSchema } from "../../gen/assent/plan/v1/edit_pb";
import { type DependencyType, type WorkItem } from "../../gen/assent/plan/v1/plan_pb";
import { itemFrom, type ItemTexts, textsOf } from "./texts";

// An id stays what it is.
const PATHS: Record<Exclude<keyof ItemTexts, "id">, string> = {
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
  const changed = (Object.keys(PATHS) as (keyof typeof PATHS)[]).filter((name) => texts[name] !== before[name]);
  if (changed.length === 0) return undefined;
  const paths = changed.map((name) => PATHS[name]);
  const next = itemFrom({ ...texts, id: item.id });
  return create(EditSchema, { edit: { case: "updateWorkItem", value: { item: next, updateMask: { paths } } } });
}

/** A new item behind all others, that waits for some. */
export const addition = (item: WorkItem, after: readonly string[]): Edit =>
  create(EditSchema, {
    edit: { case: "addWorkItem", value: { item, dependsOn: after.map((itemId) => ({ itemId })) } },
  });

/** Several items, one after the other, in the place of one. */
export const splitting = (itemId: string, into: WorkItem[]): Edit =>
  create(EditSchema, { edit: { case: "splitWorkItem", value: { itemId, into } } });

/** One item in the place of several. */
export const merging = (itemIds: string[], into: WorkItem): Edit =>
  create(EditSchema, { edit: { case: "mergeWorkItems", value: { itemIds, into } } });

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
    case "addWorkItem": {
      const after = edit.value.dependsOn.map(({ itemId }) => itemId).join(", ");
      return `add ${edit.value.item?.id ?? ""}${after === "" ? "" : `, after ${after}`}`;
    }
    case "updateWorkItem":
      return `change ${edit.value.updateMask?.paths.join(", ") ?? ""} of ${edit.value.item?.id ?? ""}`;
    case "removeWorkItem":
      return `remove ${edit.value.itemId}; what waited for it waits for what it waited for`;
    case "splitWorkItem":
      return `split ${edit.value.itemId} into ${edit.value.into.map(({ id }) => id).join(", ")}`;
    case "mergeWorkItems":
      return `merge ${edit.value.itemIds.join(", ")} into ${edit.value.into?.id ?? ""}`;
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
