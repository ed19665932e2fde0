import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";

import { useClients } from "../../api/clients";
import { type Plan, RiskLevel } from "../../gen/assent/plan/v1/plan_pb";
import type { VersionComparison } from "../../gen/assent/plan/v1/version_pb";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { setSearch, useSearch } from "../../router/router";
import { Select } from "../../ui/Field";
import { Card, Failure, Waiting } from "../../ui/parts";
import { overlay } from "../graph/marks";
import { PlanGraph } from "../graph/PlanGraph";
import { Differences } from "./Differences";

export function Comparison({ session }: { session: PlanReviewSession }) {
  const { versioning } = useClients();
  const search = useSearch();
  const numbers = session.versions.map(({ versionNumber }) => versionNumber).sort((a, b) => a - b);
  const chosen = (name: string, otherwise: number) => {
    const number = Number(search.get(name));
    return numbers.includes(number) ? number : otherwise;
  };
  const to = chosen("to", session.currentVersion);
  const from = chosen("from", Math.max(1, to - 1));
  const comparison = useQuery({
    queryKey: ["versions", session.id, from, to],
    queryFn: async ({ signal }) => {
      const planOf = async (versionNumber: number) =>
        (await versioning.getVersion({ sessionId: session.id, versionNumber }, { signal })).version?.plan;
      const [{ comparison: found }, before, after] = await Promise.all([
        versioning.compareVersions({ sessionId: session.id, fromVersion: from, toVersion: to }, { signal }),
        planOf(from),
        planOf(to),
      ]);
      if (found === undefined || before === undefined || after === undefined) throw new Error("a version without its plan");
      return { found, before, after };
    },
    staleTime: Infinity,
  });
  const options = numbers.map((number) => [String(number), `Version ${number}`] as const);
  return (
    <Card title="What changed">
      <div className="mb-3 grid max-w-md grid-cols-2 gap-3">
        <Select label="From" options={options} value={String(from)} onChange={(event) => setSearch({ from: event.target.value })} />
        <Select label="To" options={options} value={String(to)} onChange={(event) => setSearch({ to: event.target.value })} />
      </div>
      {comparison.error !== null && <Failure error={comparison.error} retry={() => void comparison.refetch()} />}
      {comparison.isPending && <Waiting what="the comparison" />}
      {comparison.data !== undefined && (
        <>
          <Overlaid {...comparison.data} />
          <Differences comparison={comparison.data.found} />
        </>
      )}
    </Card>
  );
}

/** Both plans in one graph, with what came, went and changed. */
function Overlaid({ found, before, after }: { found: VersionComparison; before: Plan; after: Plan }) {
  const { plan, marks } = useMemo(() => overlay(before, after, found.changes), [before, after, found]);
  const levels = useMemo(
    () => new Map([...(found.fromRisk?.items ?? []), ...(found.toRisk?.items ?? [])].map(({ itemId, level }) => [itemId, level])),
    [found],
  );
  const levelOf = useCallback((id: string) => levels.get(id) ?? RiskLevel.UNSPECIFIED, [levels]);
  const selected = useSearch().get("item") ?? undefined;
  return (
    <PlanGraph
      plan={plan}
      marks={marks}
      levelOf={levelOf}
      selected={plan.items.some(({ id }) => id === selected) ? selected : undefined}
      onSelect={select}
      critical={found.toEstimate?.criticalItems ?? NO_CHAIN}
    />
  );
}

const select = (id: string) => setSearch({ item: id });
const NO_CHAIN: readonly string[] = [];
