// What the decided sessions say about how decisions are made. Pure.
import { RiskLevel } from "../gen/assent/plan/v1/plan_pb";
import { type PlanReviewSession, PlanReviewState } from "../gen/assent/review/v1/session_pb";
import { millis } from "../text/format";

export interface Figures {
  /** Sessions that the figures are about. */
  decided: number;
  /** How many ended in each way. */
  outcomes: [PlanReviewState, number][];
  /** From 0 to 1; none when people decided nothing. */
  approvalRate: number | undefined;
  /** Sessions that no person decided. */
  automatic: number;
  /** Median of the time from submission to decision in ms, by risk; people's decisions only. */
  medianByRisk: [RiskLevel, number, number][];
  /** Approvals by people within `HASTY` ms, at HIGH and CRITICAL. */
  hasty: PlanReviewSession[];
  /** Sessions that an administrator ended alone. */
  emergencies: number;
}

/** Faster than a plan of that risk can be read. */
export const HASTY = 30_000;

const APPROVED: readonly PlanReviewState[] = [PlanReviewState.APPROVED, PlanReviewState.PARTIALLY_APPROVED];

export function figuresOf(sessions: readonly PlanReviewSession[]): Figures {
  const decided = sessions.filter(({ decision }) => decision !== undefined);
  const byPeople = decided.filter(({ decision }) => decision?.decidedBy?.id.startsWith("system:") === false);
  const judged = byPeople.filter(({ state }) => APPROVED.includes(state) || state === PlanReviewState.REJECTED);
  const approved = judged.filter(({ state }) => APPROVED.includes(state));
  const outcomes = new Map<PlanReviewState, number>();
  for (const { state } of decided) outcomes.set(state, (outcomes.get(state) ?? 0) + 1);
  const levels = [RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL];
  const medianByRisk = levels.flatMap((level): [RiskLevel, number, number][] => {
    const times = judged.filter(({ risk }) => risk?.level === level).map(timeToDecide).sort((a, b) => a - b);
    return times.length === 0 ? [] : [[level, median(times), times.length]];
  });
  return {
    decided: decided.length,
    outcomes: [...outcomes].sort(([, a], [, b]) => b - a),
    approvalRate: judged.length === 0 ? undefined : approved.length / judged.length,
    automatic: decided.length - byPeople.length,
    medianByRisk,
    hasty: approved.filter((session) => (session.risk?.level ?? 0) >= RiskLevel.HIGH && timeToDecide(session) < HASTY),
    emergencies: decided.filter(({ decision }) => decision?.breakGlass === true).length,
  };
}

function timeToDecide({ createTime, decision }: PlanReviewSession): number {
  return (millis(decision?.decideTime) ?? 0) - (millis(createTime) ?? 0);
}

function median(sorted: number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
