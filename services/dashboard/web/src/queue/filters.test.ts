import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { RiskLevel } from "../gen/assent/plan/v1/plan_pb";
import { ApprovalPriority, PlanReviewSessionSchema } from "../gen/assent/review/v1/session_pb";
import { matches, readFilters, sorted } from "./filters";

const session = (id: string, level: RiskLevel, seconds: number, priority = ApprovalPriority.NORMAL) =>
  create(PlanReviewSessionSchema, {
    id,
    plan: { goal: `Goal of ${id}` },
    risk: { level },
    priority,
    createTime: { seconds: BigInt(seconds) },
    expireTime: { seconds: BigInt(1000 - seconds) },
  });
const a = session("ses_a", RiskLevel.LOW, 1);
const b = session("ses_b", RiskLevel.CRITICAL, 2, ApprovalPriority.URGENT);
const c = session("ses_c", RiskLevel.MEDIUM, 3);
const unknown = create(PlanReviewSessionSchema, { id: "ses_d" });

test("an address that says nothing, or nonsense, is the plain queue", () => {
  const plain = { view: "mine", text: "", risk: 0, priority: 0, order: "" };
  expect(readFilters(new URLSearchParams(""))).toEqual(plain);
  expect(readFilters(new URLSearchParams("view=x&risk=x&priority=3&sort=x"))).toEqual(plain);
  expect(readFilters(new URLSearchParams("risk=high&priority=urgent&view=open&q=x"))).toMatchObject({
    view: "open",
    risk: RiskLevel.HIGH,
    priority: ApprovalPriority.URGENT,
    text: "x",
  });
});

test("every filter that is set must hold", () => {
  const filters = (text: string) => readFilters(new URLSearchParams(text));
  const left = (text: string) => [a, b, c].filter((one) => matches(one, filters(text))).map(({ id }) => id);
  expect(left("q=GOAL")).toEqual(["ses_a", "ses_b", "ses_c"]);
  expect(left("q=ses_b")).toEqual(["ses_b"]);
  expect(left("risk=low&priority=urgent")).toEqual([]);
});

test("the order is the one asked for, and what has no risk yet comes before the highest", () => {
  const order = (name: "" | "oldest" | "deadline" | "risk" | "priority") =>
    sorted([a, b, c], name, (one) => one).map(({ id }) => id.slice(4)).join("");
  expect([order(""), order("oldest"), order("deadline"), order("risk"), order("priority")]).toEqual([
    "cba", "abc", "cba", "bca", "bac",
  ]);
  expect(sorted([a, unknown, b], "risk", (one) => one)[0]?.id).toBe("ses_d");
});
