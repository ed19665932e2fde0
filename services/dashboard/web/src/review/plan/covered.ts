// The fields of an item that its digest covers (docs/digest.md), in words: what a reviewer signs is what is shown.
import { type JsonObject, type JsonValue } from "@bufbuild/protobuf";

import { DependencyType, type Plan, Strategy, type WorkItem, WorkItemPriority } from "../../gen/assent/plan/v1/plan_pb";
import { duration, money, words } from "../../text/format";

export interface CoveredField {
  name: string;
  value: string;
  /** Whether the value is code, to be shown with its line breaks. */
  code: boolean;
}

const pretty = (value: JsonValue | undefined): string => JSON.stringify(value ?? {}, null, 2);
const list = (values: string[]): string => (values.length === 0 ? "none" : values.join("\n"));

export function coveredByItem(item: WorkItem): CoveredField[] {
  const plain = (name: string, value: string): CoveredField => ({ name, value, code: false });
  const code = (name: string, value: string): CoveredField => ({ name, value, code: true });
  const { constraints, rollback } = item;
  const fields = [
    plain("Id", item.id),
    plain("Tool", item.tool),
    code("Arguments", pretty(item.arguments as JsonObject | undefined)),
    plain("Priority", words(WorkItemPriority, item.priority || WorkItemPriority.NORMAL)),
    plain("Timeout", constraints?.timeout === undefined ? "none" : duration(constraints.timeout)),
    plain("Retries", constraints?.maxRetries === undefined ? "not set" : String(constraints.maxRetries)),
    plain("Most cost", constraints?.maxCost === undefined ? "not limited" : money(constraints.maxCost)),
    plain("Capabilities", list(item.requiredCapabilities)),
    plain("Agent type", item.preferredAgentType || "any"),
    plain("Rollback", rollback === undefined ? "none" : rollback.tool),
  ];
  if (rollback !== undefined) fields.push(code("Rollback arguments", pretty(rollback.arguments as JsonObject | undefined)));
  fields.push(
    plain("Can be undone", item.rollbackPossible === undefined ? "as its rollback and tool say" : item.rollbackPossible ? "yes" : "no"),
    code("Bounds", list(item.bounds.map(({ expression }) => expression))),
  );
  return fields;
}

export function coveredByPlan(plan: Plan): CoveredField[] {
  const { constraints } = plan;
  const plain = (name: string, value: string): CoveredField => ({ name, value, code: false });
  return [
    plain("Strategy", words(Strategy, plan.strategy || Strategy.PARALLEL)),
    plain("Most cost", constraints?.maxCost === undefined ? "not limited" : money(constraints.maxCost)),
    plain("Most time", constraints?.maxDuration === undefined ? "not limited" : duration(constraints.maxDuration)),
    plain("Allowed tools", constraints === undefined || constraints.allowedTools.length === 0 ? "any" : list(constraints.allowedTools)),
    plain("Forbidden tools", list(constraints?.forbiddenTools ?? [])),
  ];
}

export const EDGE_WORDS: Record<DependencyType, string> = {
  [DependencyType.UNSPECIFIED]: "needs",
  [DependencyType.DEPENDENCY]: "needs",
  [DependencyType.SOFT]: "comes after (even if it fails)",
  [DependencyType.DATA]: "needs, and uses outputs of",
};

/** Whether the plan says that the item cannot be undone. */
export const isIrreversible = (item: WorkItem): boolean => item.rollbackPossible === false;
