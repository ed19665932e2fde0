import { toJson } from "@bufbuild/protobuf";
import { ValueSchema, type Value } from "@bufbuild/protobuf/wkt";

import { type PlanChange, PlanChangeType, type VersionComparison } from "../../gen/assent/plan/v1/version_pb";
import { duration, money, words } from "../../text/format";
import { Visible } from "../../text/Visible";
import { Nothing, RiskBadge } from "../../ui/parts";

/** What differs between two versions, side by side. */
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
