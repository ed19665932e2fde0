// Items in layers: what waits for nothing is in the first, everything else below whatever it waits for.
import type { Dependency, WorkItem } from "../../gen/assent/plan/v1/plan_pb";

interface Graph {
  items: readonly WorkItem[];
  dependencies: readonly Dependency[];
}

/** The layer of each item, from 0. Items of a cycle, which two plans laid over each other can have, are in the last. */
export function layersOf({ items, dependencies }: Graph): Map<string, number> {
  const layers = new Map(items.map(({ id }) => [id, 0]));
  const waits = new Map(items.map(({ id }) => [id, 0]));
  const after = new Map<string, string[]>();
  for (const { from, to } of dependencies) {
    if (!layers.has(from) || !layers.has(to)) continue;
    waits.set(to, (waits.get(to) ?? 0) + 1);
    const list = after.get(from);
    if (list === undefined) after.set(from, [to]);
    else list.push(to);
  }
  const free = items.filter(({ id }) => waits.get(id) === 0).map(({ id }) => id);
  let deepest = 0;
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    const below = (layers.get(id) ?? 0) + 1;
    for (const next of after.get(id) ?? []) {
      layers.set(next, Math.max(layers.get(next) ?? 0, below));
      deepest = Math.max(deepest, below);
      const left = (waits.get(next) ?? 0) - 1;
      waits.set(next, left);
      if (left === 0) free.push(next);
    }
  }
  for (const [id, left] of waits) if (left > 0) layers.set(id, deepest);
  return layers;
}

/** How many items each layer has. */
export function layerSizes(layers: ReadonlyMap<string, number>): number[] {
  const sizes: number[] = [];
  for (const layer of layers.values()) sizes[layer] = (sizes[layer] ?? 0) + 1;
  return Array.from(sizes, (size) => size ?? 0);
}
