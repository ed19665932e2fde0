import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";

import { type ApprovalCondition, ApprovalConditionSchema } from "../gen/assent/review/v1/session_pb";
import { money, moment } from "../text/format";

/** A condition in words. */
export function conditionText({ condition }: ApprovalCondition): string {
  switch (condition.case) {
    case "maxCost":
      return `costs at most ${money(condition.value)}`;
    case "notBefore":
      return `no item starts before ${moment(condition.value)}`;
    case "notAfter":
      return `no item starts after ${moment(condition.value)}`;
    case "dryRunFirst":
      return "a dry run succeeds first";
    case "expression":
      return `before each item: ${condition.value}`;
    default:
      return "a condition that this page does not know";
  }
}

/** What the form holds; an empty text is no condition. */
export interface ConditionTexts {
  maxCost: string;
  notAfter: string;
  dryRun: boolean;
  expression: string;
}

export const NO_CONDITIONS: ConditionTexts = { maxCost: "", notAfter: "", dryRun: false, expression: "" };

export function conditionsFrom(texts: ConditionTexts): ApprovalCondition[] {
  const conditions: ApprovalCondition["condition"][] = [];
  const dollars = Number(texts.maxCost);
  if (texts.maxCost.trim() !== "" && Number.isFinite(dollars)) {
    const micros = BigInt(Math.round(dollars * 1e6));
    conditions.push({ case: "maxCost", value: { $typeName: "assent.types.v1.Money", currency: "USD", micros } });
  }
  const end = new Date(texts.notAfter);
  if (texts.notAfter !== "" && !Number.isNaN(end.getTime())) {
    conditions.push({ case: "notAfter", value: timestampFromDate(end) });
  }
  if (texts.dryRun) conditions.push({ case: "dryRunFirst", value: true });
  if (texts.expression.trim() !== "") conditions.push({ case: "expression", value: texts.expression.trim() });
  return conditions.map((condition) => create(ApprovalConditionSchema, { condition }));
}
