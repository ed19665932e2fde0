import { RiskLevel } from "../gen/assent/plan/v1/plan_pb";
import { type PlanReviewSession, PlanReviewState } from "../gen/assent/review/v1/session_pb";

/** Whether people can vote now. */
export const isVotable = (state: PlanReviewState): boolean =>
  state === PlanReviewState.PENDING || state === PlanReviewState.IN_REVIEW;

/** Whether there is no outcome yet. */
export const isOpen = (state: PlanReviewState): boolean =>
  isVotable(state) || state === PlanReviewState.MODIFICATION_REQUESTED;

export const isApproved = (state: PlanReviewState): boolean =>
  state === PlanReviewState.APPROVED || state === PlanReviewState.PARTIALLY_APPROVED;

/** Whether a vote asks for the short code of the version: a risk that is high, or that nobody knows. */
export function asksForCode({ risk }: PlanReviewSession): boolean {
  const level = risk?.level ?? RiskLevel.UNSPECIFIED;
  return level !== RiskLevel.LOW && level !== RiskLevel.MEDIUM;
}
