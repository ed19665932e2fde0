import { ExecutionOrder, ExecutionState, WorkItemRunState } from "../gen/assent/execution/v1/execution_pb";
import type { Execution } from "../gen/assent/execution/v1/execution_pb";
import type { Tone } from "../ui/parts";

export type Order = "pause" | "resume" | "cancel" | "rollback";

const WORKING: readonly ExecutionState[] = [ExecutionState.PENDING, ExecutionState.RUNNING, ExecutionState.WAITING];
const STOPPABLE: readonly ExecutionState[] = [...WORKING, ExecutionState.PAUSED];

export const isRunning = ({ state }: Execution): boolean =>
  STOPPABLE.includes(state) || state === ExecutionState.ROLLING_BACK;

/** What the executor takes in a state, as its contract says ("Allowed in"). */
export function ordersFor({ state, order }: Execution): Order[] {
  const orders: Order[] = [];
  if (WORKING.includes(state) && order !== ExecutionOrder.PAUSE) orders.push("pause");
  if (state === ExecutionState.PAUSED || order === ExecutionOrder.PAUSE) orders.push("resume");
  if (STOPPABLE.includes(state)) orders.push("cancel");
  if (state !== ExecutionState.ROLLED_BACK && state !== ExecutionState.ROLLING_BACK) orders.push("rollback");
  return orders;
}

const RETRYABLE: readonly ExecutionState[] = [
  ExecutionState.PAUSED,
  ExecutionState.FAILED,
  ExecutionState.CANCELLED,
  ExecutionState.ROLLBACK_FAILED,
];

export const canRetry = ({ state }: Execution, run: WorkItemRunState): boolean =>
  RETRYABLE.includes(state) && (run === WorkItemRunState.FAILED || run === WorkItemRunState.ROLLBACK_FAILED);

export const EXECUTION_TONES: Partial<Record<ExecutionState, Tone>> = {
  [ExecutionState.COMPLETED]: "good",
  [ExecutionState.RUNNING]: "wait",
  [ExecutionState.WAITING]: "wait",
  [ExecutionState.PAUSED]: "wait",
  [ExecutionState.ROLLING_BACK]: "wait",
  [ExecutionState.FAILED]: "bad",
  [ExecutionState.ROLLBACK_FAILED]: "bad",
  [ExecutionState.CANCELLED]: "bad",
};

export const RUN_TONES: Partial<Record<WorkItemRunState, Tone>> = {
  [WorkItemRunState.SUCCEEDED]: "good",
  [WorkItemRunState.RUNNING]: "wait",
  [WorkItemRunState.RETRYING]: "wait",
  [WorkItemRunState.HELD]: "wait",
  [WorkItemRunState.ROLLING_BACK]: "wait",
  [WorkItemRunState.FAILED]: "bad",
  [WorkItemRunState.ROLLBACK_FAILED]: "bad",
};

const ENDED: readonly WorkItemRunState[] = [
  WorkItemRunState.SUCCEEDED,
  WorkItemRunState.FAILED,
  WorkItemRunState.SKIPPED,
  WorkItemRunState.ROLLED_BACK,
  WorkItemRunState.ROLLBACK_FAILED,
];

/** Items that have ended, one way or another. */
export const ended = ({ runs }: Execution): number => runs.filter(({ state }) => ENDED.includes(state)).length;
