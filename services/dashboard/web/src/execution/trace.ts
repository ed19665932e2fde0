import type { Event } from "../gen/assent/event/v1/event_pb";

/** The id of the trace in which the execution started; none where its facts do not say. */
export function traceOf(events: readonly Event[]): string | undefined {
  const start = events.find(({ payload }) => payload.case === "executionStarted");
  // W3C: version, trace, parent, flags.
  const id = start?.traceparent.split("-")[1];
  return id !== undefined && /^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id) ? id : undefined;
}

/** The page of a trace; none where nothing says where traces are shown. */
export function tracePage(template: string | undefined, id: string): string | undefined {
  if (template === undefined) return undefined;
  const address = template.replaceAll("{trace_id}", id);
  return /^https?:\/\//.test(address) ? address : undefined;
}
