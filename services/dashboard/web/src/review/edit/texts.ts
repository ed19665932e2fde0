// An item as a form holds it. Pure.
import { create, type JsonObject } from "@bufbuild/protobuf";

import { type WorkItem, WorkItemConstraintsSchema, WorkItemSchema } from "../../gen/assent/plan/v1/plan_pb";

/** The fields of an item that a form holds, as texts. */
export interface ItemTexts {
  id: string;
  name: string;
  description: string;
  tool: string;
  /** JSON. */
  arguments: string;
  timeoutSeconds: string;
  maxRetries: string;
  preferredAgentType: string;
}

export const NO_TEXTS: ItemTexts = {
  id: "",
  name: "",
  description: "",
  tool: "",
  arguments: "{}",
  timeoutSeconds: "",
  maxRetries: "",
  preferredAgentType: "",
};

export function textsOf(item: WorkItem): ItemTexts {
  const { constraints } = item;
  return {
    id: item.id,
    name: item.name,
    description: item.description,
    tool: item.tool,
    arguments: JSON.stringify(item.arguments ?? {}, null, 2),
    timeoutSeconds: constraints?.timeout === undefined ? "" : String(constraints.timeout.seconds),
    maxRetries: constraints?.maxRetries === undefined ? "" : String(constraints.maxRetries),
    preferredAgentType: item.preferredAgentType,
  };
}

/** What is wrong with the texts; empty when nothing is. `taken` are the ids that others have. */
export function problemIn(texts: ItemTexts, taken: readonly string[] = []): string {
  try {
    const value: unknown = JSON.parse(texts.arguments);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return "The arguments must be an object.";
  } catch (error) {
    return `The arguments are no JSON: ${error instanceof Error ? error.message : ""}`;
  }
  const whole = /^\d*$/;
  if (!whole.test(texts.timeoutSeconds)) return "The timeout must be a whole number of seconds.";
  if (!whole.test(texts.maxRetries)) return "The retries must be a whole number.";
  if (!/^[a-z0-9._-]{1,64}$/.test(texts.id)) return "An id has 1 to 64 small letters, digits, “.”, “_” and “-”.";
  return taken.includes(texts.id) ? `There is another item ${texts.id}.` : "";
}

/**
 * The item that the texts make; what they do not hold is that of `origin`. Its rollback only where it does the same as
 * before: that of something else would undo the wrong thing.
 */
export function itemFrom(texts: ItemTexts, origin?: WorkItem): WorkItem {
  const { timeoutSeconds, maxRetries } = texts;
  const before = origin === undefined ? undefined : textsOf(origin);
  const same = before?.tool === texts.tool && before.arguments === texts.arguments;
  const { rollback, rollbackPossible, constraints, ...rest } = origin ?? create(WorkItemSchema);
  return {
    ...rest,
    id: texts.id,
    name: texts.name,
    description: texts.description,
    tool: texts.tool,
    arguments: JSON.parse(texts.arguments) as JsonObject,
    preferredAgentType: texts.preferredAgentType,
    constraints: create(WorkItemConstraintsSchema, {
      ...(constraints?.maxCost === undefined ? {} : { maxCost: constraints.maxCost }),
      ...(timeoutSeconds === "" ? {} : { timeout: { seconds: BigInt(timeoutSeconds) } }),
      ...(maxRetries === "" ? {} : { maxRetries: Number(maxRetries) }),
    }),
    ...(same && rollback !== undefined ? { rollback } : {}),
    ...(same && rollbackPossible !== undefined ? { rollbackPossible } : {}),
  };
}

/** An id beside `taken` that begins with `base`. */
export function freeId(base: string, taken: readonly string[]): string {
  for (let number = 2; ; number += 1) {
    const id = `${base.slice(0, 58)}-${number}`;
    if (!taken.includes(id)) return id;
  }
}
