import dagre from "@dagrejs/dagre";

import type { Drawing } from "./drawing";

export const WIDTH = 210;
export const HEIGHT = 60;

/** Where each box stands, in layers: what comes first is above. */
export function layout({ boxes, lines }: Drawing): Map<string, { x: number; y: number }> {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 30, ranksep: 50 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of boxes) graph.setNode(id, { width: WIDTH, height: HEIGHT });
  for (const { from, to } of lines) graph.setEdge(from, to);
  dagre.layout(graph);
  return new Map(
    boxes.map(({ id }) => {
      const { x, y } = graph.node(id) as { x: number; y: number };
      return [id, { x: x - WIDTH / 2, y: y - HEIGHT / 2 }];
    }),
  );
}
