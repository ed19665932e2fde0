import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useCallback, useMemo, useState } from "react";

import { useClients } from "../api/clients";
import { problemOf } from "../api/problem";
import { type Open, useLive } from "../api/watch";
import type { Event } from "../gen/assent/event/v1/event_pb";
import { type Execution, ExecutionOrder, ExecutionState, WorkItemRunState } from "../gen/assent/execution/v1/execution_pb";
import { RiskLevel } from "../gen/assent/plan/v1/plan_pb";
import type { PlanReviewSession } from "../gen/assent/review/v1/session_pb";
import { PlanGraph } from "../review/graph/PlanGraph";
import { duration, millis, money, moment, span, words } from "../text/format";
import { Visible } from "../text/Visible";
import { useNow } from "../ui/now";
import { Badge, Card, Facts, Failure, Nothing, Waiting } from "../ui/parts";
import { Artifacts } from "./Artifacts";
import { Controls } from "./Controls";
import { Log } from "./Log";
import { Runs } from "./Runs";
import { ended, EXECUTION_TONES } from "./states";
import { TraceLink, useTrace } from "./Trace";

export const executionKey = (id: string) => ["execution", id] as const;

export function ExecutionView({ session }: { session: PlanReviewSession }) {
  const { executor } = useClients();
  const { id } = session;
  const query = useQuery({
    queryKey: executionKey(id),
    queryFn: async ({ signal }) => {
      try {
        return (await executor.getExecution({ sessionId: id }, { signal })).execution ?? null;
      } catch (error) {
        if (problemOf(error).reason === "EXECUTION_NOT_FOUND") return null;
        throw error;
      }
    },
  });
  const open: Open = (afterPosition, signal) => executor.watchExecution({ sessionId: id, afterPosition }, { signal });
  const { events } = useLive(open, [executionKey(id), ["artifacts", id]], id, 0n);
  if (query.error !== null) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (query.data === undefined) return <Waiting what="the execution" />;
  if (query.data === null) return <Nothing>Nothing of this plan has run.</Nothing>;
  return (
    <div className="flex flex-col gap-4">
      <Summary execution={query.data} session={session} events={events} />
      <LiveGraph execution={query.data} session={session} />
      <Runs execution={query.data} />
      <Artifacts sessionId={id} />
      <Log events={events} />
    </div>
  );
}

function Summary({ execution, session, events }: { execution: Execution; session: PlanReviewSession; events: Event[] }) {
  const now = useNow();
  const { state, order, startTime, endTime, error, runs } = execution;
  const start = millis(startTime);
  const took = start === undefined ? "–" : span((millis(endTime) ?? now) - start);
  const done = ended(execution);
  const trace = useTrace(events);
  const { estimate } = session;
  return (
    <Card title="Execution" actions={<Controls execution={execution} />}>
      <p className="mb-2 flex flex-wrap items-center gap-2">
        <Badge tone={EXECUTION_TONES[state] ?? "quiet"}>{words(ExecutionState, state)}</Badge>
        {order !== ExecutionOrder.UNSPECIFIED && <Badge tone="wait">Asked to: {words(ExecutionOrder, order)}</Badge>}
      </p>
      <progress
        aria-label={`${done} of ${runs.length} items have ended`}
        max={Math.max(1, runs.length)}
        value={done}
        className="mb-2 w-full"
      />
      <Facts
        facts={[
          ["Items", `${done} of ${runs.length} have ended`],
          ["Version", String(execution.version)],
          ["Started", moment(startTime)],
          ...(trace === undefined ? [] : [["Trace", <TraceLink key="trace" {...trace} />] satisfies [string, ReactNode]]),
          ["Took", estimate === undefined ? took : `${took} (estimated ${duration(estimate.estimatedDuration)})`],
          ["Cost", estimate === undefined ? money(execution.cost) : `${money(execution.cost)} (estimated ${money(estimate.estimatedCost)})`],
        ]}
      />
      {error !== "" && (
        <p className="mt-2 text-critical">
          <Visible text={error} lines />
        </p>
      )}
    </Card>
  );
}

/** The plan with where each item stands; coloured by that, not by risk. */
function LiveGraph({ execution, session }: { execution: Execution; session: PlanReviewSession }) {
  const [selected, setSelected] = useState<string>();
  const { plan } = session;
  const states = useMemo(() => new Map(execution.runs.map(({ itemId, state }) => [itemId, state])), [execution]);
  const levelOf = useCallback((id: string) => LOOK[states.get(id) ?? 0] ?? RiskLevel.MEDIUM, [states]);
  const noteOf = useCallback(
    (id: string) => (states.has(id) ? words(WorkItemRunState, states.get(id) ?? 0) : "Not approved"),
    [states],
  );
  // Another version may be shown above than the one that runs.
  if (plan === undefined || session.currentVersion !== execution.version) return null;
  return (
    <Card title="Plan, as it runs">
      <PlanGraph
        plan={plan}
        levelOf={levelOf}
        noteOf={noteOf}
        selected={selected}
        onSelect={setSelected}
        critical={session.estimate?.criticalItems ?? NO_CHAIN}
      />
    </Card>
  );
}

const NO_CHAIN: readonly string[] = [];

// The graph knows colours by level: green for what ended well, red for what did not.
const LOOK: Partial<Record<WorkItemRunState, RiskLevel>> = {
  [WorkItemRunState.SUCCEEDED]: RiskLevel.LOW,
  [WorkItemRunState.FAILED]: RiskLevel.CRITICAL,
  [WorkItemRunState.ROLLBACK_FAILED]: RiskLevel.CRITICAL,
};
