import { toJson } from "@bufbuild/protobuf";
import { ValueSchema, type Value } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@tanstack/react-query";

import { useClients } from "../../api/clients";
import { type PlanChange, PlanChangeType, type VersionComparison } from "../../gen/assent/plan/v1/version_pb";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { setSearch, useSearch } from "../../router/router";
import { duration, money, moment, shortCode, words } from "../../text/format";
import { Visible } from "../../text/Visible";
import { Select } from "../../ui/Field";
import { Badge, Card, Failure, Nothing, RiskBadge, Waiting } from "../../ui/parts";

export function Versions({ session }: { session: PlanReviewSession }) {
  const newest = [...session.versions].sort((a, b) => b.versionNumber - a.versionNumber);
  return (
    <div className="flex flex-col gap-4">
      <Card title={`Versions (${newest.length})`}>
        <ol className="flex flex-col gap-3">
          {newest.map((version) => (
            <li key={version.versionNumber}>
              <div className="flex flex-wrap items-center gap-2">
                <strong>Version {version.versionNumber}</strong>
                <code>{shortCode(version.digest)}</code>
                {version.risk !== undefined && <RiskBadge level={version.risk.level} />}
                {version.versionNumber === session.currentVersion && <Badge tone="good">Current</Badge>}
              </div>
              <p>
                <Visible text={version.changeDescription || "no description"} />
              </p>
              <p className="text-sm text-soft">
                <Visible text={version.modifiedBy?.id ?? ""} />, {moment(version.createTime)}
              </p>
            </li>
          ))}
        </ol>
      </Card>
      {newest.length < 2 ? <Nothing>There is one version only, so nothing to compare.</Nothing> : <Comparison session={session} />}
    </div>
  );
}

function Comparison({ session }: { session: PlanReviewSession }) {
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
    queryFn: ({ signal }) =>
      versioning.compareVersions({ sessionId: session.id, fromVersion: from, toVersion: to }, { signal }),
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
      {comparison.data?.comparison !== undefined && <Differences comparison={comparison.data.comparison} />}
    </Card>
  );
}

export function Differences({ comparison }: { comparison: VersionComparison }) {
  const { fromEstimate, toEstimate, fromRisk, toRisk, changes } = comparison;
  return (
    <>
      <p className="mb-2 flex flex-wrap items-center gap-2">
        <RiskBadge level={fromRisk?.level} /> → <RiskBadge level={toRisk?.level} />
        {fromEstimate !== undefined && toEstimate !== undefined && (
          <span>
            cost {money(fromEstimate.estimatedCost)} → {money(toEstimate.estimatedCost)}, duration{" "}
            {duration(fromEstimate.estimatedDuration)} → {duration(toEstimate.estimatedDuration)}
          </span>
        )}
      </p>
      {changes.length === 0 ? (
        <Nothing>The two plans are the same.</Nothing>
      ) : (
        <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Changes">
          <table className="w-full table-fixed border-collapse max-sm:min-w-[36rem]">
            <thead>
              <tr className="border-b border-line">
                <th scope="col" className="w-1/3 p-2">
                  What
                </th>
                <th scope="col" className="p-2">
                  Version {comparison.fromVersion}
                </th>
                <th scope="col" className="p-2">
                  Version {comparison.toVersion}
                </th>
              </tr>
            </thead>
            <tbody>
              {changes.map((change, index) => (
                <ChangeRow key={index} change={change} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function ChangeRow({ change }: { change: PlanChange }) {
  return (
    <tr className="border-b border-line align-top">
      <th scope="row" className="p-2 font-normal">
        <strong>{words(PlanChangeType, change.type)}</strong>
        <span className="block">
          <code>
            {change.affectedItemId || "plan"}
            {change.field !== "" && ` ${change.field}`}
          </code>
        </span>
        <span className="block text-sm text-soft">
          <Visible text={change.description} />
        </span>
      </th>
      <td className="p-2">
        <Side value={change.oldValue} look="bg-critical-ground text-critical" />
      </td>
      <td className="p-2">
        <Side value={change.newValue} look="bg-low-ground text-low" />
      </td>
    </tr>
  );
}

function Side({ value, look }: { value: Value | undefined; look: string }) {
  if (value === undefined) return <span className="text-soft">–</span>;
  return (
    <code className={`block rounded p-2 ${look}`}>
      <Visible text={valueText(value)} lines />
    </code>
  );
}

/** A text as it is, and anything else as JSON. */
export function valueText(value: Value): string {
  const json = toJson(ValueSchema, value);
  return typeof json === "string" ? json : JSON.stringify(json, null, 2);
}
