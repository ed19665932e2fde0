import { create } from "@bufbuild/protobuf";
import { expect, test, vi } from "vitest";

import { EventSchema } from "../gen/assent/event/v1/event_pb";
import { follow, type Open } from "./watch";

test("a stream that breaks goes on after the last position, and none is shown twice", async () => {
  vi.useFakeTimers();
  const asked: bigint[] = [];
  const heard: bigint[] = [];
  const live: boolean[] = [];
  const controller = new AbortController();
  const open: Open = async function* (after) {
    asked.push(after);
    if (asked.length === 3) controller.abort();
    yield { message: { case: "event" as const, value: create(EventSchema, { position: after + 1n }) } };
    yield { message: { case: "bookmark" as const, value: { position: after + 5n } } };
    throw new Error("the connection is gone");
  };
  const done = follow(open, { position: 0n }, ({ position }) => heard.push(position), (now) => live.push(now), controller.signal);
  await vi.advanceTimersByTimeAsync(10_000);
  await done;
  expect(asked).toEqual([0n, 5n, 10n]);
  expect(heard).toEqual([1n, 6n]);
  expect(live.filter((now) => !now).length).toBe(2);
  vi.useRealTimers();
});
