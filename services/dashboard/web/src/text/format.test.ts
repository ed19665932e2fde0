import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { PlanReviewState } from "../gen/assent/review/v1/session_pb";
import { MoneySchema } from "../gen/assent/types/v1/types_pb";
import { money, shortCode, span, words } from "./format";

test("times are told in their two largest units", () => {
  expect([0, 400, 59_000, 125_000, 3_600_000, 90_061_000].map(span)).toEqual([
    "0 s", "<1 s", "59 s", "2 min 5 s", "1 h", "1 d 1 h",
  ]);
});

test("amounts keep the digits that matter", () => {
  const of = (micros: bigint) => money(create(MoneySchema, { micros }));
  expect([of(0n), of(4200n), of(50_000n), of(1_500_000n), money(undefined)]).toEqual(["$0.00", "$0.0042", "$0.05", "$1.50", "–"]);
});

test("states have the words of the contract", () => {
  expect(words(PlanReviewState, PlanReviewState.MODIFICATION_REQUESTED)).toBe("Modification requested");
  expect(words(PlanReviewState, 99)).toBe("Unknown");
  expect(shortCode("3d9ecd5550d2")).toBe("3d9ecd");
});
