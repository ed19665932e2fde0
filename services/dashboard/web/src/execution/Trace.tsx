import { useQuery } from "@tanstack/react-query";

import type { Event } from "../gen/assent/event/v1/event_pb";
import { readSettings } from "../login/session";
import { traceOf, tracePage } from "./trace";

export interface Trace {
  id: string;
  page: string | undefined;
}

export function useTrace(events: readonly Event[]): Trace | undefined {
  const id = traceOf(events);
  const settings = useQuery({ queryKey: ["settings"], queryFn: readSettings, staleTime: Infinity, enabled: id !== undefined });
  return id === undefined ? undefined : { id, page: tracePage(settings.data?.trace_url, id) };
}

export function TraceLink({ id, page }: Trace) {
  if (page === undefined) return <code>{id}</code>;
  return (
    <a href={page} target="_blank" rel="noopener noreferrer">
      <code>{id}</code>
    </a>
  );
}
