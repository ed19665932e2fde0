import { PlanReviewState } from "../gen/assent/review/v1/session_pb";
import { words } from "../text/format";
import { Badge, type Tone } from "./parts";

const TONES: Partial<Record<PlanReviewState, Tone>> = {
  [PlanReviewState.PENDING]: "wait",
  [PlanReviewState.IN_REVIEW]: "wait",
  [PlanReviewState.MODIFICATION_REQUESTED]: "wait",
  [PlanReviewState.APPROVED]: "good",
  [PlanReviewState.PARTIALLY_APPROVED]: "good",
  [PlanReviewState.REJECTED]: "bad",
  [PlanReviewState.TIMED_OUT]: "bad",
};

export function StateBadge({ state }: { state: PlanReviewState }) {
  return <Badge tone={TONES[state] ?? "quiet"}>{words(PlanReviewState, state)}</Badge>;
}
