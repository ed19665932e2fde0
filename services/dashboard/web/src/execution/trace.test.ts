import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { EventSchema } from "../gen/assent/event/v1/event_pb";
import { traceOf, tracePage } from "./trace";

const id = "4bf92f3577b34da6a3ce929d0e0e4736";
const started = (traceparent: string) => create(EventSchema, { traceparent, payload: { case: "executionStarted", value: {} } });

test("the trace is that of the start, when there is one", () => {
  const other = create(EventSchema, { traceparent: "00-00000000000000000000000000000001-00f067aa0ba902b7-01" });
  expect(traceOf([other, started(`00-${id}-00f067aa0ba902b7-01`)])).toBe(id);
  expect(traceOf([other])).toBeUndefined();
  for (const wrong of ["", "00", "00-../../x-1-01", `00-${"0".repeat(32)}-1-01`]) expect(traceOf([started(wrong)])).toBeUndefined();
});

test("its page is a page, or there is no link", () => {
  expect(tracePage("https://jaeger.example/trace/{trace_id}", id)).toBe(`https://jaeger.example/trace/${id}`);
  expect(tracePage("javascript:alert(1)", id)).toBeUndefined();
  expect(tracePage(undefined, id)).toBeUndefined();
});
