import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { moment, shortCode } from "../../text/format";
import { Visible } from "../../text/Visible";
import { Badge, Card, Nothing, RiskBadge } from "../../ui/parts";
import { Comparison } from "./Comparison";

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
