// Two plans laid over each other: everything that either has, and what became of it. Pure.
import type { Dependency, Plan } from "../../gen/assent/plan/v1/plan_pb";
import type { PlanChange } from "../../gen/assent/plan/v1/version_pb";
import { edgeKey } from "./drawing";

export type Mark = "added" | "removed" | "changed";

export interface Marks {
  items: ReadonlyMap<string, Mark>;
  /** By `edgeKey`. */
  edges: ReadonlyMap<string, Mark>;
}

/** `after` with what only `before` has, and marks where they differ. `changes` are those that the server found. */
export function overlay(before: Plan, after: Plan, changes: readonly PlanChange[]): { plan: Plan; marks: Marks } {
  const items = new Map<string, Mark>();
  const had = new Set(before.items.map(({ id }) => id));
  const has = new Set(after.items.map(({ id }) => id));
  for (const id of has) if (!had.has(id)) items.set(id, "added");
  for (const id of had) if (!has.has(id)) items.set(id, "removed");
  for (const { affectedItemId: id } of changes) {
    if (had.has(id) && has.has(id)) items.set(id, "changed");
  }
  const edges = new Map<string, Mark>();
  const old = new Map(before.dependencies.map((edge) => [edgeKey(edge), edge]));
  for (const edge of after.dependencies) {
    const was = old.get(edgeKey(edge));
    if (was === undefined) edges.set(edgeKey(edge), "added");
    else if (was.type !== edge.type) edges.set(edgeKey(edge), "changed");
    old.delete(edgeKey(edge));
  }
  const gone: Dependency[] = [...old.values()];
  for (const edge of gone) edges.set(edgeKey(edge), "removed");
  const plan = {
    ...after,
    items: [...after.items, ...before.items.filter(({ id }) => !has.has(id))],
    dependencies: [...after.dependencies, ...gone],
  };
  return { plan, marks: { items, edges } };
}
