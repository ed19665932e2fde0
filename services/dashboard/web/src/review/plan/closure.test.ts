import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { DependencySchema, DependencyType } from "../../gen/assent/plan/v1/plan_pb";
import { relatives, skippedWith } from "./closure";

const edge = (from: string, to: string, type = DependencyType.DEPENDENCY) => create(DependencySchema, { from, to, type });
// a → b → c, a ⇢ d (soft), e alone
const edges = [edge("a", "b"), edge("b", "c", DependencyType.DATA), edge("a", "d", DependencyType.SOFT)];

test("what needs an item that was not chosen is skipped, through any number of others", () => {
  expect([...skippedWith(new Set(["b", "c", "d", "e"]), edges)]).toEqual(["b", "c"]);
  expect([...skippedWith(new Set(["a", "c"]), edges)]).toEqual(["c"]);
  expect([...skippedWith(new Set(["a", "b", "c"]), edges)]).toEqual([]);
  expect([...skippedWith(new Set(), edges)]).toEqual([]);
});

test("an edge that says nothing of its kind is a hard one", () => {
  expect([...skippedWith(new Set(["y"]), [edge("x", "y", DependencyType.UNSPECIFIED)])]).toEqual(["y"]);
});

test("relatives are everything before and after, and not what is beside", () => {
  expect([...relatives("b", edges)].sort()).toEqual(["a", "b", "c"]);
  expect([...relatives("e", edges)]).toEqual(["e"]);
});
