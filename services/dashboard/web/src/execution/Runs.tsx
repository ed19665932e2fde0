import { useMutation, useQueryClient } from "@tanstack/react-query";

import { useClients } from "../api/clients";
import { type Execution, type WorkItemRun, WorkItemRunState } from "../gen/assent/execution/v1/execution_pb";
import { Link } from "../router/router";
import { millis, money, span, words } from "../text/format";
import { Visible } from "../text/Visible";
import { Badge, Button, Card, Failure } from "../ui/parts";
import { executionKey } from "./ExecutionView";
import { canRetry, RUN_TONES } from "./states";

export function Runs({ execution }: { execution: Execution }) {
  return (
    <Card title="Work items">
      <ul className="flex flex-col gap-3">
        {execution.runs.map((run) => (
          <li key={run.id || run.itemId} className="border-b border-line pb-2">
            <Run execution={execution} run={run} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Run({ execution, run }: { execution: Execution; run: WorkItemRun }) {
  const { executor } = useClients();
  const queries = useQueryClient();
  const retry = useMutation({
    mutationFn: () => executor.retryItem({ sessionId: execution.sessionId, itemId: run.itemId }),
    onSuccess: () => queries.invalidateQueries({ queryKey: executionKey(execution.sessionId) }),
  });
  const [start, end] = [millis(run.startTime), millis(run.endTime)];
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <Badge tone={RUN_TONES[run.state] ?? "quiet"}>{words(WorkItemRunState, run.state)}</Badge>
        <strong>
          <Visible text={run.itemName} />
        </strong>
        <code>{run.tool}</code>
        {run.attempt > 1 && <span>attempt {run.attempt}</span>}
        {start !== undefined && end !== undefined && <span className="text-soft">{span(end - start)}</span>}
        {run.cost !== undefined && run.cost.micros > 0n && <span className="text-soft">{money(run.cost)}</span>}
        {canRetry(execution, run.state) && <Button onClick={() => retry.mutate()}>Try again</Button>}
      </div>
      {run.summary !== "" && (
        <p>
          <Visible text={run.summary} lines />
        </p>
      )}
      {run.error !== "" && (
        <p className="text-critical">
          <Visible text={run.error} lines />
        </p>
      )}
      {run.amendedBy !== "" && (
        <p>
          Its values are reviewed on their own: <Link href={`/sessions/${run.amendedBy}`}>look at that review</Link>
        </p>
      )}
      {run.output !== undefined && Object.keys(run.output).length > 0 && (
        <details>
          <summary>Output</summary>
          <code className="block overflow-x-auto rounded bg-raised p-2">
            <Visible text={JSON.stringify(run.output, null, 2)} lines />
          </code>
        </details>
      )}
      {retry.error !== null && <Failure error={retry.error} />}
    </>
  );
}
