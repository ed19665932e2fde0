import "@xyflow/react/dist/style.css";

import { Controls, type Edge, Handle, MarkerType, type Node, type NodeProps, Position, ReactFlow } from "@xyflow/react";
import { memo, useMemo } from "react";

import { DependencyType, RiskLevel, type WorkItem } from "../../gen/assent/plan/v1/plan_pb";
import { Visible } from "../../text/Visible";
import { relatives } from "./closure";
import { isIrreversible } from "./covered";
import type { PlanProps } from "./ItemTable";
import { HEIGHT, layout, WIDTH } from "./layout";

type ItemNode = Node<{ item: WorkItem; level: RiskLevel; dim: boolean; note: string | undefined; onSelect: (id: string) => void }, "item">;

const LOOK: Record<RiskLevel, string> = {
  [RiskLevel.UNSPECIFIED]: "border-critical bg-critical-ground text-critical",
  [RiskLevel.LOW]: "border-low bg-low-ground text-low",
  [RiskLevel.MEDIUM]: "border-medium bg-medium-ground text-medium",
  [RiskLevel.HIGH]: "border-high bg-high-ground text-high",
  [RiskLevel.CRITICAL]: "border-critical bg-critical-ground text-critical",
};
const NAMES: Record<RiskLevel, string> = {
  [RiskLevel.UNSPECIFIED]: "risk unknown",
  [RiskLevel.LOW]: "low risk",
  [RiskLevel.MEDIUM]: "medium risk",
  [RiskLevel.HIGH]: "high risk",
  [RiskLevel.CRITICAL]: "critical risk",
};

const ItemBox = memo(function ItemBox({ data: { item, level, dim, note, onSelect }, selected }: NodeProps<ItemNode>) {
  return (
    <>
      <Handle type="target" position={Position.Top} className="invisible" />
      <button
        type="button"
        aria-pressed={selected}
        onClick={() => onSelect(item.id)}
        className={`h-[60px] w-[210px] cursor-pointer overflow-hidden rounded-md border-2 px-2 text-left leading-tight ${LOOK[level]} ${
          selected ? "ring-2 ring-accent" : ""
        } ${dim ? "border-dashed" : ""}`}
      >
        <span className="block truncate font-semibold">
          <Visible text={item.name} />
        </span>
        <span className="block truncate text-xs">
          <Visible text={note ?? `${item.tool}, ${NAMES[level]}${isIrreversible(item) ? ", cannot be undone" : ""}`} />
        </span>
      </button>
      <Handle type="source" position={Position.Bottom} className="invisible" />
    </>
  );
});

const NODE_TYPES = { item: ItemBox };

export default function Graph({ plan, levelOf, selected, onSelect, noteOf }: PlanProps) {
  const places = useMemo(() => layout(plan), [plan]);
  const related = useMemo(
    () => (selected === undefined ? undefined : relatives(selected, plan.dependencies)),
    [plan, selected],
  );
  const nodes: ItemNode[] = plan.items.map((item) => ({
    id: item.id,
    type: "item",
    position: places.get(item.id) ?? { x: 0, y: 0 },
    width: WIDTH,
    height: HEIGHT,
    selected: item.id === selected,
    // The button inside is what the keyboard reaches.
    focusable: false,
    data: { item, level: levelOf(item.id), dim: related !== undefined && !related.has(item.id), note: noteOf?.(item.id), onSelect },
  }));
  const edges: Edge[] = plan.dependencies.map(({ from, to, type }) => ({
    id: `${from} ${to}`,
    source: from,
    target: to,
    focusable: false,
    animated: false,
    className: related !== undefined && !(related.has(from) && related.has(to)) ? "opacity-30" : "",
    markerEnd: { type: MarkerType.ArrowClosed },
    ...(type === DependencyType.DATA ? { label: "data" } : {}),
    ...(type === DependencyType.SOFT ? { label: "soft" } : {}),
  }));
  const height = Math.min(560, 120 + Math.max(0, ...[...places.values()].map(({ y }) => y)));
  return (
    <div role="group" aria-label="Graph of the work items" ref={(element) => element?.style.setProperty("height", `${height}px`)}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        fitView
        minZoom={0.05}
        maxZoom={1.5}
        nodesDraggable={false}
        nodesConnectable={false}
        preventScrolling={false}
        onlyRenderVisibleElements={plan.items.length > 100}
        colorMode="system"
      >
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}
