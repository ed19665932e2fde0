import { useRef } from "react";

import { ApprovalPriority, PlanReviewState } from "../gen/assent/review/v1/session_pb";
import { Link } from "../router/router";
import { moment, since } from "../text/format";
import { Visible } from "../text/Visible";
import { Deadline } from "../ui/Deadline";
import { useNow } from "../ui/now";
import { Badge, RiskBadge } from "../ui/parts";
import { StateBadge } from "../ui/StateBadge";
import { useSeen } from "../ui/useSeen";
import { OPEN } from "./filters";
import { Progress } from "./Progress";
import type { Waiting } from "./QueuePage";

export function Row({ row: { session, pending } }: { row: Waiting }) {
  const now = useNow();
  const ref = useRef<HTMLLIElement>(null);
  const seen = useSeen(ref);
  const open = (OPEN as readonly PlanReviewState[]).includes(session.state);
  return (
    <li ref={ref} className="card lazy p-3">
      <div className="flex flex-wrap items-center gap-2">
        <RiskBadge level={session.risk?.level} />
        <StateBadge state={session.state} />
        <Priority priority={session.priority} />
        {session.afterReviewOf !== "" && <Badge tone="bad">Review after an emergency</Badge>}
      </div>
      <h2 className="my-1">
        <Link href={`/sessions/${session.id}`}>
          <Visible text={session.plan?.goal ?? session.id} />
        </Link>
      </h2>
      <p className="flex flex-wrap gap-x-4 gap-y-1 text-sm text-soft">
        <span>
          from <Visible text={session.requester?.id ?? "unknown"} />
          {session.onBehalfOf !== "" && (
            <>
              {" for "}
              <Visible text={session.onBehalfOf} />
            </>
          )}
        </span>
        <time title={moment(session.createTime)}>{since(session.createTime, now)} ago</time>
        {open && <Deadline at={session.expireTime} overdue={session.overdueSince !== undefined} />}
        {seen && <Progress session={session} open={open} />}
      </p>
      {pending !== undefined && pending.why !== "" && (
        <p className="mt-1 text-sm">
          <Visible text={pending.why} />
        </p>
      )}
    </li>
  );
}

function Priority({ priority }: { priority: ApprovalPriority }) {
  if (priority === ApprovalPriority.URGENT) return <Badge tone="bad">Urgent</Badge>;
  if (priority === ApprovalPriority.HIGH) return <Badge tone="wait">High priority</Badge>;
  if (priority === ApprovalPriority.LOW) return <Badge>Low priority</Badge>;
  return null;
}
