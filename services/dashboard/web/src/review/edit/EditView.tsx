import { useCallback, useMemo, useState } from "react";

import { DependencyType, type Plan, RiskLevel } from "../../gen/assent/plan/v1/plan_pb";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { Card, Nothing } from "../../ui/parts";
import { overlay } from "../graph/marks";
import { PlanGraph } from "../graph/PlanGraph";
import { isOpen } from "../states";
import { Edges } from "./Edges";
import { addedEdge, removedEdge } from "./edits";
import { Items, type Opened } from "./Items";
import { Pending } from "./Pending";
import { ToolList } from "./ToolList";
import { type Draft, useDraft } from "./useDraft";

export function EditView({ session }: { session: PlanReviewSession }) {
  const draft = useDraft(session);
  const [opened, setOpened] = useState<Opened>();
  if (!isOpen(session.state)) return <Nothing>This review is closed, so its plan stays as it is.</Nothing>;
  const { plan } = draft;
  if (plan === undefined) return <Nothing>The session has no plan.</Nothing>;
  return (
    <div className="flex flex-col gap-4">
      <Pending draft={draft} session={session} />
      <Drawn draft={draft} plan={plan} session={session} opened={opened} onOpen={setOpened} />
      <Items plan={plan} opened={opened} onOpen={setOpened} onEdit={draft.add} />
      <Edges plan={plan} onEdit={draft.add} />
      <ToolList />
    </div>
  );
}

interface DrawnProps {
  draft: Draft;
  plan: Plan;
  session: PlanReviewSession;
  opened: Opened;
  onOpen: (opened: Opened) => void;
}

/** The plan as it would be, with what the edits change in it. Lines are drawn from one box to another. */
function Drawn({ draft, plan, session, opened, onOpen }: DrawnProps) {
  const { preview, before } = draft;
  const comparison = preview?.comparison;
  const { plan: both, marks } = useMemo(
    () => (before === undefined || comparison === undefined ? { plan, marks: undefined } : overlay(before, plan, comparison.changes)),
    [before, plan, comparison],
  );
  const risk = comparison?.toRisk ?? session.risk;
  const levels = useMemo(() => new Map(risk?.items.map(({ itemId, level }) => [itemId, level])), [risk]);
  const levelOf = useCallback((id: string) => levels.get(id) ?? RiskLevel.UNSPECIFIED, [levels]);
  const open = useCallback((id: string) => onOpen({ form: "change", id }), [onOpen]);
  const estimate = comparison?.toEstimate ?? session.estimate;
  return (
    <Card title="Draw">
      <p className="mb-2 text-sm text-soft">
        Draw a line from the lower edge of a box to the upper edge of the one that is to wait for it. A line that is selected goes with
        the Delete key. An item opens for changes. The same can be done in the lists below.
      </p>
      <PlanGraph
        plan={both}
        marks={marks}
        levelOf={levelOf}
        selected={opened !== undefined && "id" in opened ? opened.id : undefined}
        onSelect={open}
        critical={estimate?.criticalItems ?? NO_CHAIN}
        onConnect={(from, to) => draft.add(addedEdge(from, to, DependencyType.DEPENDENCY))}
        onDisconnect={(from, to) => draft.add(removedEdge(from, to))}
      />
    </Card>
  );
}

const NO_CHAIN: readonly string[] = [];
