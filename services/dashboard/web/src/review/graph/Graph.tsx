import "@xyflow/react/dist/style.css";

import {
  type ColorMode,
  type Edge,
  type EdgeChange,
  MarkerType,
  ReactFlow,
  ReactFlowProvider,
  useStore,
} from "@xyflow/react";
import { useMemo, useState } from "react";

import { DependencyType, RiskLevel } from "../../gen/assent/plan/v1/plan_pb";
import { relatives } from "../plan/closure";
import type { PlanProps } from "../plan/ItemTable";
import { ItemBox, type ItemNode, LayerBox, type LayerNode } from "./Boxes";
import { chainEdges, type Drawing, draw, edgeKey, type Line, neighbours } from "./drawing";
import { Far } from "./Far";
import { HEIGHT, layout, WIDTH } from "./layout";
import type { Marks } from "./marks";
import { Sight } from "./Sight";

export interface GraphProps extends PlanProps {
  /** What the graph says of an item in the place of its tool and risk. */
  noteOf?: ((itemId: string) => string | undefined) | undefined;
  /** The chain to show as critical, in the order of its runs. */
  critical: readonly string[];
  /** Differences to show. */
  marks?: Marks | undefined;
  folded: ReadonlySet<number>;
  onUnfold: (layer: number) => void;
  /** Leaves out everything that is no neighbour of the selected item. */
  neighboursOnly: boolean;
  /** What drawing and removing a line does; lines are fixed where it is not given. */
  onConnect?: ((from: string, to: string) => void) | undefined;
  onDisconnect?: ((from: string, to: string) => void) | undefined;
}

const NODE_TYPES = { item: ItemBox, layer: LayerBox };
/** Above so many boxes, those out of sight are not drawn, and none in full from afar. */
const MANY = 100;
/** Below this zoom nobody can read what stands in a box. */
const LEGIBLE = 0.4;
const NOTHING: never[] = [];

export default function Graph(props: GraphProps) {
  return (
    <ReactFlowProvider>
      <Picture {...props} />
    </ReactFlowProvider>
  );
}

function Picture(props: GraphProps) {
  const { plan, selected, folded, neighboursOnly, onConnect, onDisconnect } = props;
  const near = useMemo(() => (selected === undefined ? undefined : neighbours(selected, plan.dependencies)), [plan, selected]);
  const drawing = useMemo(() => draw(plan, folded, neighboursOnly ? near : undefined), [plan, folded, neighboursOnly, near]);
  const places = useMemo(() => layout(drawing), [drawing]);
  const nodes = useNodes(props, drawing, places, near);
  // While it moves, the picture is one layer that is pushed about, and not drawn anew for each frame.
  const [moving, setMoving] = useState(false);
  const [chosen, setChosen] = useState<string>();
  const edges = useEdges(props, drawing.lines, chosen);
  const many = nodes.length > MANY;
  const far = useStore(({ transform: [, , zoom] }) => zoom < LEGIBLE) && many;
  const height = Math.min(560, 120 + Math.max(0, ...[...places.values()].map(({ y }) => y)));
  const choose = (changes: EdgeChange[]) => {
    for (const change of changes) {
      if (change.type === "select") setChosen((before) => (change.selected ? change.id : before === change.id ? undefined : before));
    }
  };
  return (
    <div role="group" aria-label="Graph of the work items" ref={(element) => element?.style.setProperty("height", `${height}px`)}>
      <ReactFlow
        nodes={far ? NOTHING : nodes}
        edges={far ? NOTHING : edges}
        nodeTypes={NODE_TYPES}
        minZoom={0.02}
        maxZoom={1.5}
        nodesDraggable={false}
        nodesConnectable={onConnect !== undefined}
        onConnect={({ source, target }) => onConnect?.(source, target)}
        isValidConnection={({ source, target }) => source !== target && !edges.some(({ id }) => id === edgeKey({ from: source, to: target }))}
        edgesFocusable={onDisconnect !== undefined}
        onEdgesChange={choose}
        onEdgesDelete={(gone) => gone.forEach(({ source, target }) => onDisconnect?.(source, target))}
        deleteKeyCode={onDisconnect === undefined ? null : ["Delete", "Backspace"]}
        preventScrolling={false}
        onMoveStart={() => setMoving(true)}
        onMoveEnd={() => setMoving(false)}
        className={moving ? "moving" : ""}
        onlyRenderVisibleElements={many}
        colorMode={(document.documentElement.dataset["theme"] ?? "system") as ColorMode}
      >
        {far && <Far nodes={nodes} edges={edges} />}
        <Sight places={places} when={`${[...folded].join()} ${neighboursOnly ? selected : ""} ${nodes.length}`} />
      </ReactFlow>
    </div>
  );
}

function useNodes(
  { plan, levelOf, selected, onSelect, noteOf, critical, marks, onUnfold, onConnect }: GraphProps,
  { boxes }: Drawing,
  places: ReadonlyMap<string, { x: number; y: number }>,
  near: ReadonlySet<string> | undefined,
): (ItemNode | LayerNode)[] {
  const connectable = onConnect !== undefined;
  return useMemo(() => {
    const related = selected === undefined ? undefined : relatives(selected, plan.dependencies);
    const chain = new Set(critical);
    const nearness = (id: string) => {
      if (related === undefined) return "related";
      if (id === selected) return "self";
      if (near?.has(id) === true) return "neighbour";
      return related.has(id) ? "related" : "apart";
    };
    return boxes.map((box): ItemNode | LayerNode => {
      const shape = { id: box.id, position: places.get(box.id) ?? { x: 0, y: 0 }, width: WIDTH, height: HEIGHT, focusable: false };
      if ("items" in box) {
        const level = Math.max(...box.items.map(({ id }) => levelOf(id) || RiskLevel.CRITICAL)) as RiskLevel;
        return { ...shape, type: "layer", data: { layer: box.layer, items: box.items, level, onUnfold } };
      }
      const { id, item } = box;
      return {
        ...shape,
        type: "item",
        data: {
          item,
          level: levelOf(id),
          near: nearness(id),
          critical: chain.has(id),
          mark: marks?.items.get(id),
          note: noteOf?.(id),
          connectable,
          onSelect,
        },
      };
    });
  }, [boxes, places, plan, levelOf, selected, near, onSelect, noteOf, critical, marks, onUnfold, connectable]);
}

const KINDS: Partial<Record<DependencyType, string>> = { [DependencyType.DATA]: "data", [DependencyType.SOFT]: "soft" };

function useEdges({ plan, selected, critical, marks, onDisconnect }: GraphProps, lines: Line[], chosen: string | undefined): Edge[] {
  const fixed = onDisconnect === undefined;
  return useMemo(() => {
    const related = selected === undefined ? undefined : relatives(selected, plan.dependencies);
    const chain = chainEdges(critical);
    return lines.map((line) => {
      const { from, to, type, dependency } = line;
      const id = edgeKey(line);
      const mark = marks?.edges.get(id);
      const apart = related !== undefined && !(related.has(from) && related.has(to));
      const label = KINDS[type];
      return {
        id,
        source: from,
        target: to,
        selected: id === chosen,
        focusable: !fixed && dependency !== undefined,
        deletable: !fixed && dependency !== undefined,
        ariaLabel: `${to} waits for ${from}`,
        className: [apart ? "edge-apart" : "", chain.has(id) ? "edge-critical" : "", mark === undefined ? "" : `edge-${mark}`].join(" "),
        markerEnd: { type: MarkerType.ArrowClosed },
        ...(label === undefined ? {} : { label }),
      };
    });
  }, [lines, plan, selected, critical, marks, fixed, chosen]);
}
