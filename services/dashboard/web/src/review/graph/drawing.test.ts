import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { DependencyType, type Plan, PlanSchema } from "../../gen/assent/plan/v1/plan_pb";
import { PlanChangeSchema } from "../../gen/assent/plan/v1/version_pb";
import { chainEdges, draw, edgeKey, neighbours } from "./drawing";
import { layerSizes, layersOf } from "./layers";
import { overlay } from "./marks";

const plan = (ids: string, ...edges: string[]): Plan =>
  create(PlanSchema, {
    items: [...ids].map((id) => ({ id, name: id.toUpperCase() })),
    dependencies: edges.map((edge) => ({ from: edge[0] ?? "", to: edge[1] ?? "", type: DependencyType.DATA })),
  });
// a → b → d, a → c → d, e alone
const diamond = plan("abcde", "ab", "ac", "bd", "cd");

test("an item is below everything that it waits for", () => {
  expect(Object.fromEntries(layersOf(plan("abcd", "ab", "bc", "ac", "cd")))).toEqual({ a: 0, b: 1, c: 2, d: 3 });
  expect(layerSizes(layersOf(diamond))).toEqual([2, 2, 1]);
  // As two plans laid over each other can be, when a line was turned round.
  expect([...layersOf(plan("abc", "ab", "bc", "cb")).keys()]).toEqual(["a", "b", "c"]);
});

test("a folded layer is one box, and lines to its items are lines to it", () => {
  const { boxes, lines } = draw(diamond, new Set([1]));
  expect(boxes.map(({ id }) => id)).toEqual(["a", "layer 1", "d", "e"]);
  expect(lines.map(edgeKey)).toEqual(["a layer 1", "layer 1 d"]);
  expect(lines[0]?.dependency).toBeUndefined();
  expect(draw(diamond, new Set()).lines).toHaveLength(4);
});

test("neighbours are one step away, and a chain has the lines between its items", () => {
  const near = neighbours("b", diamond.dependencies);
  expect([...near].sort()).toEqual(["a", "b", "d"]);
  expect(draw(diamond, new Set(), near).lines.map(edgeKey)).toEqual(["a b", "b d"]);
  expect([...chainEdges(["a", "b", "d"])]).toEqual(["a b", "b d"]);
  expect([...chainEdges(["a"])]).toEqual([]);
});

test("two plans in one show what came, went and changed", () => {
  const after = plan("abcdf", "ab", "bd", "cd", "af");
  const edge = after.dependencies[0];
  if (edge !== undefined) edge.type = DependencyType.SOFT;
  const changes = [create(PlanChangeSchema, { affectedItemId: "b", field: "tool" }), create(PlanChangeSchema, { field: "goal" })];
  const { plan: both, marks } = overlay(diamond, after, changes);
  expect(both.items.map(({ id }) => id)).toEqual(["a", "b", "c", "d", "f", "e"]);
  expect(Object.fromEntries(marks.items)).toEqual({ b: "changed", e: "removed", f: "added" });
  expect(Object.fromEntries(marks.edges)).toEqual({ "a b": "changed", "a c": "removed", "a f": "added" });
});
