import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";

import { PlanConflictsSchema } from "../gen/assent/plan/v1/version_pb";
import { conflictsOf, isSignedOut, problemOf } from "./problem";

const bytes = (...parts: (number[] | string)[]) =>
  new Uint8Array(parts.flatMap((part) => (typeof part === "string" ? [...new TextEncoder().encode(part)] : part)));

function failure(type: string, value: Uint8Array): ConnectError {
  const error = new ConnectError("no", Code.Aborted);
  error.details = [{ type, value }];
  return error;
}

test("reason and metadata come from ErrorInfo", () => {
  const entry = bytes([0x0a, 7], "version", [0x12, 1], "2");
  const info = bytes([0x0a, 16], "VERSION_CONFLICT", [0x12, 10], "assent.dev", [0x1a, entry.length], [...entry]);
  expect(problemOf(failure("google.rpc.ErrorInfo", info))).toEqual({
    reason: "VERSION_CONFLICT",
    message: "no",
    metadata: { version: "2" },
    violations: [],
  });
});

test("violations come from BadRequest, and conflicts as they are", () => {
  const violation = bytes([0x0a, 4], "goal", [0x12, 5], "empty");
  const request = bytes([0x0a, violation.length], [...violation]);
  expect(problemOf(failure("google.rpc.BadRequest", request)).violations).toEqual([{ field: "goal", description: "empty" }]);
  const conflicts = toBinary(PlanConflictsSchema, create(PlanConflictsSchema, { headVersion: 3 }));
  expect(conflictsOf(failure("assent.plan.v1.PlanConflicts", conflicts))?.headVersion).toBe(3);
  expect(conflictsOf(new Error("x"))).toBeUndefined();
});

test("bytes that are no message do no harm", () => {
  expect(problemOf(failure("google.rpc.ErrorInfo", bytes([0x0a, 200, 1], "cut off"))).message).toBe("no");
  expect(isSignedOut(new ConnectError("who?", Code.Unauthenticated))).toBe(true);
});
