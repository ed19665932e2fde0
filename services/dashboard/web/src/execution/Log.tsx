import type { Event } from "../gen/assent/event/v1/event_pb";
import { ExecutionState, WorkItemRunState } from "../gen/assent/execution/v1/execution_pb";
import { moment, words } from "../text/format";
import { Visible } from "../text/Visible";
import { Card, Nothing } from "../ui/parts";

/** A fact of the executor in one line. */
export function line({ type, payload }: Event): string {
  switch (payload.case) {
    case "workItemRunChanged": {
      const { run } = payload.value;
      if (run === undefined) return type;
      const more = run.error || run.summary;
      return `${run.itemName}: ${words(WorkItemRunState, run.state)}${more === "" ? "" : `, ${more}`}`;
    }
    case "workItemProgressed": {
      const { itemId, progress, message } = payload.value;
      return `${itemId}: ${Math.round(progress * 100)} %${message === "" ? "" : `, ${message}`}`;
    }
    case "executionStarted":
      return "Started";
    case "executionEnded":
      return `Ended: ${words(ExecutionState, payload.value.execution?.state ?? 0)}`;
    case "executionRefused":
      return `Refused: ${payload.value.message}`;
    case "executionChanged": {
      const { action, itemId, reason } = payload.value;
      return [action, itemId, reason].filter((part) => part !== "").join(", ");
    }
    default:
      return type;
  }
}

export function Log({ events }: { events: Event[] }) {
  return (
    <Card title="Log">
      {events.length === 0 ? (
        <Nothing>Nothing has happened yet.</Nothing>
      ) : (
        <ol aria-label="Log" className="max-h-96 overflow-y-auto" tabIndex={0}>
          {events.map((event) => (
            <li key={event.position.toString()}>
              <time className="text-sm text-soft">{moment(event.time)}</time> <Visible text={line(event)} />
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}
