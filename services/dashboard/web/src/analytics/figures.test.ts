import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { RiskLevel } from "../gen/assent/plan/v1/plan_pb";
import { PlanReviewSessionSchema, PlanReviewState } from "../gen/assent/review/v1/session_pb";
import { figuresOf } from "./figures";

const decided = (state: PlanReviewState, level: RiskLevel, seconds: number, by = "lead@localhost", breakGlass = false) =>
  create(PlanReviewSessionSchema, {
    id: `ses_${seconds}`,
    state,
    risk: { level },
    createTime: { seconds: 1000n },
    decision: { decidedBy: { id: by }, decideTime: { seconds: BigInt(1000 + seconds) }, breakGlass },
  });

test("nothing decided has no rates", () => {
  const open = create(PlanReviewSessionSchema, { state: PlanReviewState.PENDING });
  expect(figuresOf([open])).toMatchObject({ decided: 0, approvalRate: undefined, medianByRisk: [], hasty: [] });
});

test("people's decisions are counted apart from the clock's and the policy's", () => {
  const figures = figuresOf([
    decided(PlanReviewState.APPROVED, RiskLevel.HIGH, 10),
    decided(PlanReviewState.REJECTED, RiskLevel.HIGH, 100),
    decided(PlanReviewState.APPROVED, RiskLevel.LOW, 5),
    decided(PlanReviewState.APPROVED, RiskLevel.LOW, 1, "system:auto"),
    decided(PlanReviewState.TIMED_OUT, RiskLevel.HIGH, 999, "system:timeout"),
    decided(PlanReviewState.APPROVED, RiskLevel.CRITICAL, 60, "admin@localhost", true),
  ]);
  expect(figures).toMatchObject({ decided: 6, approvalRate: 0.75, automatic: 2, emergencies: 1 });
  expect(figures.outcomes[0]).toEqual([PlanReviewState.APPROVED, 4]);
  expect(figures.medianByRisk).toEqual([
    [RiskLevel.LOW, 5000, 1],
    [RiskLevel.HIGH, 55_000, 2],
    [RiskLevel.CRITICAL, 60_000, 1],
  ]);
  // A LOW plan may be read in seconds.
  expect(figures.hasty.map(({ id }) => id)).toEqual(["ses_10"]);
});
