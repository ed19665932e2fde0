import { ControlButton, Controls, useReactFlow, useStore } from "@xyflow/react";
import { useCallback, useEffect, useMemo } from "react";

import { HEIGHT, WIDTH } from "./layout";

/** How much of the pane stays empty around everything. */
const MARGIN = 0.1;

interface SightProps {
  places: ReadonlyMap<string, { x: number; y: number }>;
  /** Everything is brought into sight again when this is another one. */
  when: string;
}

/** Zooms, and brings everything into sight: by the places, since from afar there are no boxes that could be asked. */
export function Sight({ places, when }: SightProps) {
  const { fitBounds } = useReactFlow();
  const ready = useStore(({ width, height, panZoom }) => width > 0 && height > 0 && panZoom !== null);
  const bounds = useMemo(() => {
    const all = [...places.values()];
    const [xs, ys] = [all.map(({ x }) => x), all.map(({ y }) => y)];
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    return { x, y, width: Math.max(...xs) + WIDTH - x, height: Math.max(...ys) + HEIGHT - y };
  }, [places]);
  const fit = useCallback(() => {
    if (ready && Number.isFinite(bounds.width)) void fitBounds(bounds, { padding: MARGIN });
  }, [ready, bounds, fitBounds]);
  // Not with each new layout, which an edit makes: only when other boxes are there.
  useEffect(fit, [when, ready]);
  return (
    <Controls showInteractive={false} showFitView={false}>
      <ControlButton onClick={fit} aria-label="Fit View" title="Fit View">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M3 9V3h6v2H5v4zm12-6h6v6h-2V5h-4zM3 15h2v4h4v2H3zm16 0h2v6h-6v-2h4z" />
        </svg>
      </ControlButton>
    </Controls>
  );
}
