import { lazy, Suspense, useCallback, useMemo, useState } from "react";

import { Button, Waiting } from "../../ui/parts";
import { layerSizes, layersOf } from "./layers";
import { loadGraph } from "./loadGraph";
import type { GraphProps } from "./Graph";

const Graph = lazy(loadGraph);
/** Above so many items a plan is first shown as its layers. */
const MANY = 200;

type Props = Omit<GraphProps, "folded" | "onUnfold" | "neighboursOnly">;

/** The graph of a plan, and what of it is shown. */
export function PlanGraph(props: Props) {
  const { plan, selected, critical } = props;
  const sizes = useMemo(() => layerSizes(layersOf(plan)), [plan]);
  const [folded, setFolded] = useState<ReadonlySet<number>>(() => new Set(plan.items.length > MANY ? sizes.keys() : []));
  const [showCritical, setShowCritical] = useState(false);
  const [neighboursOnly, setNeighboursOnly] = useState(false);
  const turn = useCallback(
    (layer: number) =>
      setFolded((before) => {
        const next = new Set(before);
        if (!next.delete(layer)) next.add(layer);
        return next;
      }),
    [],
  );
  return (
    <>
      <div className="mb-2 flex flex-wrap gap-x-5 gap-y-1 text-sm">
        {critical.length > 0 && <Choice label="Critical path" checked={showCritical} onChange={setShowCritical} />}
        {selected !== undefined && (
          <Choice label="Only the selected item and its neighbours" checked={neighboursOnly} onChange={setNeighboursOnly} />
        )}
        {sizes.length > 1 && <Layers sizes={sizes} folded={folded} onTurn={turn} onAll={setFolded} />}
      </div>
      <Suspense fallback={<Waiting what="the graph" />}>
        <Graph
          {...props}
          critical={showCritical ? critical : NONE}
          folded={folded}
          onUnfold={turn}
          neighboursOnly={neighboursOnly && selected !== undefined}
        />
      </Suspense>
    </>
  );
}

const NONE: readonly string[] = [];

function Choice({ label, checked, onChange }: { label: string; checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <label className="flex min-h-6 items-center gap-2">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} />
      {label}
    </label>
  );
}

interface LayersProps {
  sizes: number[];
  folded: ReadonlySet<number>;
  onTurn: (layer: number) => void;
  onAll: (folded: ReadonlySet<number>) => void;
}

function Layers({ sizes, folded, onTurn, onAll }: LayersProps) {
  return (
    <details>
      <summary className="min-h-6 cursor-pointer">
        Layers ({folded.size === 0 ? sizes.length : `${folded.size} of ${sizes.length} folded`})
      </summary>
      <div role="group" aria-label="Fold layers" className="mt-1 flex flex-wrap gap-2">
        <Button onClick={() => onAll(new Set(sizes.keys()))}>Fold all</Button>
        <Button onClick={() => onAll(new Set())}>Unfold all</Button>
        {sizes.map((size, layer) => (
          <Button key={layer} aria-pressed={folded.has(layer)} onClick={() => onTurn(layer)}>
            Layer {layer + 1} ({size})
          </Button>
        ))}
      </div>
    </details>
  );
}
