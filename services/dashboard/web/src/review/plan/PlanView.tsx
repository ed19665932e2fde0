import { useCallback, useMemo } from "react";

import { type Plan, RiskLevel } from "../../gen/assent/plan/v1/plan_pb";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { setSearch, useSearch } from "../../router/router";
import { Button, Card, Nothing } from "../../ui/parts";
import { PlanGraph } from "../graph/PlanGraph";
import { coveredByPlan } from "./covered";
import { CoveredFields } from "./CoveredFields";
import { Factors } from "./Factors";
import { ItemPanel } from "./ItemPanel";
import { ItemTable } from "./ItemTable";

const select = (id: string) => setSearch({ item: id });
const NO_CHAIN: readonly string[] = [];

export function PlanView({ session }: { session: PlanReviewSession }) {
  const search = useSearch();
  const { plan, risk } = session;
  const levels = useMemo(() => new Map(risk?.items.map(({ itemId, level }) => [itemId, level])), [risk]);
  const levelOf = useCallback((id: string): RiskLevel => levels.get(id) ?? RiskLevel.UNSPECIFIED, [levels]);
  if (plan === undefined) return <Nothing>The session has no plan.</Nothing>;
  const asTable = search.get("view") === "table";
  const selected = plan.items.find(({ id }) => id === search.get("item"));
  return (
    <div className="flex flex-col gap-4">
      <Card
        title={`Plan of ${plan.items.length} ${plan.items.length === 1 ? "item" : "items"}`}
        actions={
          <div role="group" aria-label="Show the plan as" className="flex gap-2">
            <Button aria-pressed={!asTable} tone={asTable ? "plain" : "main"} onClick={() => setSearch({ view: "" })}>
              Graph
            </Button>
            <Button aria-pressed={asTable} tone={asTable ? "main" : "plain"} onClick={() => setSearch({ view: "table" })}>
              Table
            </Button>
          </div>
        }
      >
        {asTable ? (
          <ItemTable plan={plan} levelOf={levelOf} selected={selected?.id} onSelect={select} />
        ) : (
          <PlanGraph
            plan={plan}
            levelOf={levelOf}
            selected={selected?.id}
            onSelect={select}
            critical={session.estimate?.criticalItems ?? NO_CHAIN}
          />
        )}
      </Card>
      {selected !== undefined && <ItemPanel session={session} plan={plan} item={selected} level={levelOf(selected.id)} />}
      <Factors factors={risk?.factors ?? []} onSelect={select} />
      <WholePlan plan={plan} />
    </div>
  );
}

function WholePlan({ plan }: { plan: Plan }) {
  return (
    <Card title="Limits of the whole plan">
      <CoveredFields fields={coveredByPlan(plan)} />
    </Card>
  );
}
