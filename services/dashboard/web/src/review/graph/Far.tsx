import { type Edge, useReactFlow, ViewportPortal } from "@xyflow/react";
import { type FocusEvent, memo, useMemo } from "react";

import { type ItemNode, itemNote, type LayerNode, layerTexts, LOOK, MARKS } from "./Boxes";
import { HEIGHT, WIDTH } from "./layout";

interface FarProps {
  nodes: (ItemNode | LayerNode)[];
  edges: Edge[];
}

/**
 * A large graph where nothing in it can be read: coloured boxes, and all lines of a kind as one path. None of it has a
 * transform of its own, so that the browser moves it as one picture.
 */
export const Far = memo(function Far({ nodes, edges }: FarProps) {
  const { getZoom, setCenter } = useReactFlow();
  const paths = useMemo(() => pathsOf(nodes, edges), [nodes, edges]);
  // Whoever goes through the boxes by keyboard sees where they are.
  const show = ({ x, y }: { x: number; y: number }, event: FocusEvent) => {
    if (event.target.matches(":focus-visible")) void setCenter(x + WIDTH / 2, y + HEIGHT / 2, { zoom: getZoom() });
  };
  return (
    <ViewportPortal>
      <svg className="far-lines" aria-hidden="true">
        {paths.map(([look, path]) => (
          <path key={look} className={look} d={path} />
        ))}
      </svg>
      {nodes.map((node) => (
        <button
          key={node.id}
          type="button"
          className={`far-box ${look(node)}`}
          style={{ left: node.position.x, top: node.position.y }}
          aria-label={nameOf(node)}
          aria-pressed={node.type === "item" ? node.data.near === "self" : undefined}
          title={node.type === "item" ? node.data.item.name : undefined}
          onClick={() => (node.type === "item" ? node.data.onSelect(node.id) : node.data.onUnfold(node.data.layer))}
          onFocus={(event) => show(node.position, event)}
        />
      ))}
    </ViewportPortal>
  );
});

function look({ type, data }: ItemNode | LayerNode): string {
  if (type === "layer") return `${LOOK[data.level]} far-layer`;
  const { level, near, critical, mark } = data;
  return [LOOK[level], `far-${near}`, critical ? "far-critical" : "", mark === undefined ? "" : `far-${mark}`].join(" ");
}

function nameOf({ type, data }: ItemNode | LayerNode): string {
  if (type === "layer") return layerTexts(data).join(", ");
  const { item, mark, critical } = data;
  const parts = [item.name, mark === undefined ? "" : MARKS[mark][0], itemNote(data), critical ? "on the critical path" : ""];
  return parts.filter((part) => part !== "").join(", ");
}

/** The lines by how they look. */
function pathsOf(nodes: FarProps["nodes"], edges: Edge[]): [string, string][] {
  const places = new Map(nodes.map(({ id, position }) => [id, position]));
  const paths = new Map<string, string>();
  for (const { source, target, className } of edges) {
    const [from, to] = [places.get(source), places.get(target)];
    if (from === undefined || to === undefined) continue;
    const look = (className ?? "").trim();
    const line = `M${from.x + WIDTH / 2} ${from.y + HEIGHT}L${to.x + WIDTH / 2} ${to.y}`;
    paths.set(look, (paths.get(look) ?? "") + line);
  }
  return [...paths];
}
