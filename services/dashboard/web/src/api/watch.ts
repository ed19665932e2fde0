// Following a session or an execution: each fact is a hint that what is shown may be old. A stream that breaks is
// resumed where it ended.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import type { Event } from "../gen/assent/event/v1/event_pb";
import { isSignedOut } from "./problem";

interface Message {
  message: { case: "event"; value: Event } | { case: "bookmark"; value: { position: bigint } } | { case: undefined };
}

export type Open = (afterPosition: bigint, signal: AbortSignal) => AsyncIterable<Message>;

/** How far a log was read. */
export interface Place {
  position: bigint;
}

/** Follows `open` from `place` on until `signal` ends; waits a little longer after each failure in a row. */
export async function follow(
  open: Open,
  place: Place,
  onEvent: (event: Event) => void,
  onLive: (live: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      for await (const { message } of open(place.position, signal)) {
        if (signal.aborted) return;
        failures = 0;
        onLive(true);
        if (message.case === "event") {
          place.position = message.value.position;
          onEvent(message.value);
        } else if (message.case === "bookmark") {
          place.position = message.value.position;
        }
      }
    } catch (error) {
      if (signal.aborted || isSignedOut(error)) return;
    }
    onLive(false);
    failures += 1;
    const pause = Math.min(30_000, 500 * 2 ** Math.min(failures, 6));
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/**
 * Reads the queries under `keys` anew with each fact after `from`, and waits while that is not known. Says whether the
 * stream is open.
 */
export function useLive(
  open: Open,
  keys: readonly (readonly string[])[],
  id: string,
  from: bigint | undefined,
): { live: boolean; events: Event[] } {
  const queries = useQueryClient();
  const [live, setLive] = useState(false);
  const [events, setEvents] = useState<Event[]>([]);
  const known = from !== undefined;
  useEffect(() => {
    if (from === undefined) return;
    const place: Place = { position: from };
    let controller = new AbortController();
    let waiting: ReturnType<typeof setTimeout> | undefined;
    setEvents([]);
    const heard = (event: Event) => {
      setEvents((before) => [...before, event]);
      // Facts come in bursts; what they are about is read once.
      waiting ??= setTimeout(() => {
        waiting = undefined;
        for (const key of keys) void queries.invalidateQueries({ queryKey: key });
      }, 80);
    };
    // Browsers open few connections to one server, for all tabs together: one that nobody looks at holds none.
    const turn = () => {
      controller.abort();
      setLive(false);
      if (document.hidden) return;
      controller = new AbortController();
      void follow(open, place, heard, setLive, controller.signal);
    };
    turn();
    document.addEventListener("visibilitychange", turn);
    return () => {
      document.removeEventListener("visibilitychange", turn);
      controller.abort();
      clearTimeout(waiting);
    };
    // A stream belongs to one id, and knows its own place once it runs; the callbacks may be new with each rendering.
  }, [id, known, queries]);
  return { live, events };
}
