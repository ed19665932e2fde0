import dagre from "@dagrejs/dagre";

import type { Plan } from "../../gen/assent/plan/v1/plan_pb";

export const WIDTH = 210;
export const HEIGHT = 60;

/** Where each item stands, in layers: what comes first is above. */
export function layout({ items, dependencies }: Plan): Map<string, { x: number; y: number }> {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 30, ranksep: 50 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of items) graph.setNode(id, { width: WIDTH, height: HEIGHT });
  for (const { from, to } of dependencies) graph.setEdge(from, to);
  dagre.layout(graph);
  return new Map(
    items.map(({ id }) => {
      const { x, y } = graph.node(id) as { x: number; y: number };
      return [id, { x: x - WIDTH / 2, y: y - HEIGHT / 2 }];
    }),
  );
}
