// What a service answered when it did not do what was asked.
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import { type PlanConflicts, PlanConflictsSchema } from "../gen/assent/plan/v1/version_pb";

export interface Problem {
  /** Stable reason, as in docs/errors; empty when the answer came from no service. */
  reason: string;
  message: string;
  metadata: Record<string, string>;
  violations: { field: string; description: string }[];
}

const INFO = "google.rpc.ErrorInfo";
const BAD_REQUEST = "google.rpc.BadRequest";
const CONFLICTS = "assent.plan.v1.PlanConflicts";

export function problemOf(error: unknown): Problem {
  const failure = ConnectError.from(error);
  const problem: Problem = { reason: "", message: failure.rawMessage, metadata: {}, violations: [] };
  for (const detail of failure.details) {
    if (!("type" in detail)) continue;
    if (detail.type === INFO) {
      const fields = readFields(detail.value);
      problem.reason = text(fields.find(([number]) => number === 1)?.[1]);
      for (const [number, value] of fields) {
        if (number !== 3) continue;
        const entry = new Map(readFields(value));
        problem.metadata[text(entry.get(1))] = text(entry.get(2));
      }
    } else if (detail.type === BAD_REQUEST) {
      for (const [, value] of readFields(detail.value)) {
        const violation = new Map(readFields(value));
        problem.violations.push({ field: text(violation.get(1)), description: text(violation.get(2)) });
      }
    }
  }
  if (problem.reason === "" && failure.code === Code.Unavailable) problem.reason = "UNAVAILABLE";
  return problem;
}

export function conflictsOf(error: unknown): PlanConflicts | undefined {
  for (const detail of ConnectError.from(error).details) {
    if ("type" in detail && detail.type === CONFLICTS) return fromBinary(PlanConflictsSchema, detail.value);
  }
  return undefined;
}

export function isSignedOut(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Unauthenticated;
}

/** Whether trying the same again may help. */
export function isTransient(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable || code === Code.Unknown || code === Code.DeadlineExceeded;
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

// ErrorInfo and BadRequest (google/rpc/error_details.proto) hold nothing but texts and messages of texts, and no service of
// the contract names them, so there is no generated code for them: their length-delimited fields are read here.
function readFields(bytes: Uint8Array): [number, Uint8Array][] {
  const fields: [number, Uint8Array][] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag % 8 !== 2) break;
    const length = varint();
    fields.push([tag >> 3, bytes.subarray(at, at + length)]);
    at += length;
  }
  return fields;
}
