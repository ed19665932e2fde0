import type { PlanReviewSession } from "../gen/assent/review/v1/session_pb";
import { duration, money, moment, shortCode } from "../text/format";
import { Visible } from "../text/Visible";
import { Deadline } from "../ui/Deadline";
import { Badge, Facts, RiskBadge } from "../ui/parts";
import { StateBadge } from "../ui/StateBadge";
import { isOpen } from "./states";

export function Header({ session }: { session: PlanReviewSession }) {
  const { estimate } = session;
  return (
    <header className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <RiskBadge level={session.risk?.level} />
        <StateBadge state={session.state} />
        <Badge>
          Version {session.currentVersion}, code <code>{shortCode(session.digest)}</code>
        </Badge>
        {isOpen(session.state) && <Deadline at={session.expireTime} overdue={session.overdueSince !== undefined} />}
      </div>
      <h1>
        <Visible text={session.plan?.goal ?? ""} lines />
      </h1>
      {session.reviewerMessage !== "" && (
        <blockquote className="border-l-4 border-line pl-3">
          <Visible text={session.reviewerMessage} lines />
        </blockquote>
      )}
      <div className="grid gap-x-8 gap-y-1 text-sm md:grid-cols-2">
        <Facts
          facts={[
            ["Requested by", <Visible key="by" text={session.requester?.id ?? ""} />],
            ["On behalf of", <Visible key="for" text={session.onBehalfOf || "themself"} />],
            ["Submitted", moment(session.createTime)],
            ["Made by", <Visible key="origin" text={session.plan?.origin ?? ""} />],
          ]}
        />
        {estimate === undefined ? (
          <p className="text-soft">The requester did not want estimates shown.</p>
        ) : (
          <Facts
            facts={[
              ["Cost", `${money(estimate.estimatedCost)} (80 %: ${money(estimate.costLow)} to ${money(estimate.costHigh)})`],
              [
                "Duration",
                `${duration(estimate.estimatedDuration)} (80 %: ${duration(estimate.durationLow)} to ${duration(estimate.durationHigh)})`,
              ],
              ["Confidence", `${Math.round(estimate.confidenceScore * 100)} %`],
              ["Work items", String(estimate.totalWorkItems)],
            ]}
          />
        )}
      </div>
    </header>
  );
}
