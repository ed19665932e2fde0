// The two kinds of boxes. Their buttons are what the keyboard reaches.
import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { memo } from "react";

import { RiskLevel, type WorkItem } from "../../gen/assent/plan/v1/plan_pb";
import { Visible } from "../../text/Visible";
import { isIrreversible } from "../plan/covered";
import type { Mark } from "./marks";

export type ItemNode = Node<
  {
    item: WorkItem;
    level: RiskLevel;
    /** Where it stands to the item that is selected. */
    near: "self" | "neighbour" | "related" | "apart";
    critical: boolean;
    mark: Mark | undefined;
    note: string | undefined;
    connectable: boolean;
    onSelect: (id: string) => void;
  },
  "item"
>;
export type LayerNode = Node<{ layer: number; items: WorkItem[]; level: RiskLevel; onUnfold: (layer: number) => void }, "layer">;

/** The colours of a level. */
export const LOOK: Record<RiskLevel, string> = {
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
export const MARKS: Record<Mark, [string, string]> = {
  added: ["+ added", "mark-added"],
  removed: ["− removed", "mark-removed"],
  changed: ["± changed", "mark-changed"],
};
const NEAR = { self: "ring-2 ring-accent", neighbour: "ring-1 ring-accent", related: "", apart: "border-dashed" };

/** What an item's box says below its name. */
export const itemNote = ({ item, level, note }: ItemNode["data"]): string =>
  note ?? `${item.tool}, ${NAMES[level]}${isIrreversible(item) ? ", cannot be undone" : ""}`;

/** The two lines of a folded layer's box. */
export const layerTexts = ({ layer, items, level }: LayerNode["data"]): [string, string] => [
  `Layer ${layer + 1}: ${items.length} ${items.length === 1 ? "item" : "items"}`,
  `${NAMES[level]}, unfold`,
];

export const ItemBox = memo(function ItemBox({ data }: NodeProps<ItemNode>) {
  const { item, level, near, critical, mark, connectable, onSelect } = data;
  const [marked, look] = mark === undefined ? ["", ""] : MARKS[mark];
  const handle = connectable ? "handle" : "invisible";
  return (
    <>
      <Handle type="target" position={Position.Top} className={handle} />
      <button
        type="button"
        aria-pressed={near === "self"}
        onClick={() => onSelect(item.id)}
        className={`box ${LOOK[level]} ${NEAR[near]} ${critical ? "box-critical" : ""} ${look}`}
      >
        <span className="block truncate font-semibold">
          <Visible text={item.name} />
        </span>
        <span className="block truncate text-xs">
          {marked !== "" && <strong>{marked}, </strong>}
          <Visible text={itemNote(data)} />
          {critical && <span className="sr-only">, on the critical path</span>}
        </span>
      </button>
      <Handle type="source" position={Position.Bottom} className={handle} />
    </>
  );
});

export const LayerBox = memo(function LayerBox({ data }: NodeProps<LayerNode>) {
  const { layer, level, onUnfold } = data;
  const [title, note] = layerTexts(data);
  return (
    <>
      <Handle type="target" position={Position.Top} className="invisible" />
      <button type="button" onClick={() => onUnfold(layer)} className={`box border-double ${LOOK[level]}`}>
        <span className="block truncate font-semibold">{title}</span>
        <span className="block truncate text-xs">{note}</span>
      </button>
      <Handle type="source" position={Position.Bottom} className="invisible" />
    </>
  );
});
