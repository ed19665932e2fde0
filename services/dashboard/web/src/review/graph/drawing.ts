// What stands in the graph: a box for each item or folded layer, and lines between them. Pure.
import { type Dependency, DependencyType, type Plan, type WorkItem } from "../../gen/assent/plan/v1/plan_pb";
import { layersOf } from "./layers";

export type Box = { id: string; item: WorkItem } | { id: string; layer: number; items: WorkItem[] };

export interface Line {
  from: string;
  to: string;
  type: DependencyType;
  /** The dependency that it is; none for a line that stands for those of a whole layer. */
  dependency: Dependency | undefined;
}

export interface Drawing {
  boxes: Box[];
  lines: Line[];
}

/** The key of a dependency in sets and maps. */
export const edgeKey = ({ from, to }: { from: string; to: string }): string => `${from} ${to}`;

/** `plan` with some layers as one box each, and only the items of `only` where it is given. */
export function draw(plan: Plan, folded: ReadonlySet<number>, only?: ReadonlySet<string>): Drawing {
  const layers = layersOf(plan);
  const boxOf = new Map<string, string>();
  const boxes: Box[] = [];
  const byLayer = new Map<number, WorkItem[]>();
  for (const item of plan.items) {
    if (only !== undefined && !only.has(item.id)) continue;
    const layer = layers.get(item.id) ?? 0;
    if (!folded.has(layer)) {
      boxes.push({ id: item.id, item });
      boxOf.set(item.id, item.id);
      continue;
    }
    // No id of an item has a space.
    const id = `layer ${layer}`;
    boxOf.set(item.id, id);
    const items = byLayer.get(layer);
    if (items !== undefined) {
      items.push(item);
    } else {
      const first = [item];
      byLayer.set(layer, first);
      boxes.push({ id, layer, items: first });
    }
  }
  const lines = new Map<string, Line>();
  for (const dependency of plan.dependencies) {
    const [from, to] = [boxOf.get(dependency.from), boxOf.get(dependency.to)];
    if (from === undefined || to === undefined || from === to) continue;
    const whole = from === dependency.from && to === dependency.to;
    const line = { from, to, type: whole ? dependency.type : DependencyType.UNSPECIFIED };
    lines.set(edgeKey(line), { ...line, dependency: whole ? dependency : undefined });
  }
  return { boxes, lines: [...lines.values()] };
}

/** An item and those that it waits for, or that wait for it, directly. */
export function neighbours(id: string, dependencies: readonly Dependency[]): Set<string> {
  const found = new Set([id]);
  for (const { from, to } of dependencies) {
    if (from === id) found.add(to);
    if (to === id) found.add(from);
  }
  return found;
}

/** The dependencies between items that follow each other in `chain`. */
export const chainEdges = (chain: readonly string[]): Set<string> =>
  new Set(chain.slice(1).map((to, index) => edgeKey({ from: chain[index] ?? "", to })));
