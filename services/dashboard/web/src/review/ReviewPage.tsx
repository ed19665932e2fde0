import { type ReactNode, useEffect } from "react";

import { Link } from "../router/router";
import { Badge, Failure, Waiting } from "../ui/parts";
import { AuditView } from "../audit/AuditView";
import { ExecutionView } from "../execution/ExecutionView";
import { ActPanel } from "./act/ActPanel";
import { Comments } from "./comments/Comments";
import { DecisionCard } from "./DecisionCard";
import { EditView } from "./edit/EditView";
import { loadGraph } from "./graph/loadGraph";
import { Header } from "./Header";
import { PlanView } from "./plan/PlanView";
import { type Reviewed, useReview } from "./useReview";
import { Versions } from "./versions/Versions";

const TABS = {
  plan: ["Plan", ({ session }: Reviewed) => <PlanView session={session} />],
  comments: ["Comments", ({ session }: Reviewed) => <Comments session={session} />],
  versions: ["Versions", ({ session }: Reviewed) => <Versions session={session} />],
  edit: ["Edit", ({ session }: Reviewed) => <EditView session={session} />],
  execution: ["Execution", ({ session }: Reviewed) => <ExecutionView session={session} />],
  audit: ["Audit", ({ session }: Reviewed) => <AuditView sessionId={session.id} />],
} as const satisfies Record<string, readonly [string, (review: Reviewed) => ReactNode]>;

export type Tab = keyof typeof TABS;

/** The tab that the end of an address names; the plan when it names none. */
export function readTab(name: string | undefined): Tab | undefined {
  if (name === undefined) return "plan";
  return name in TABS && name !== "plan" ? (name as Tab) : undefined;
}

export function ReviewPage({ id, tab }: { id: string; tab: Tab }) {
  const { review, live } = useReview(id);
  // Fetched beside the session, not after it.
  useEffect(() => {
    if (tab === "plan") void loadGraph();
  }, [tab]);
  if (review.data === undefined) {
    if (review.error === null) return <Waiting what="the review" />;
    return <Failure error={review.error} retry={() => void review.refetch()} />;
  }
  const { session, explanation } = review.data;
  return (
    <>
      {review.error !== null && <Failure error={review.error} retry={() => void review.refetch()} />}
      <Header session={session} />
      <nav aria-label="Parts of the review" className="my-4 flex flex-wrap items-center gap-2 border-b border-line pb-2">
        {Object.entries(TABS).map(([name, [title]]) => (
          <Link
            key={name}
            href={name === "plan" ? `/sessions/${id}` : `/sessions/${id}/${name}`}
            className={`button ${tab === name ? "button-main" : ""}`}
            aria-current={tab === name ? "page" : undefined}
          >
            {title}
            {name === "comments" && <Open session={session} />}
          </Link>
        ))}
        <span className="ml-auto text-sm text-soft" role="status">
          {live ? "live" : "connecting …"}
        </span>
      </nav>
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="min-w-0">{TABS[tab][1](review.data)}</div>
        <aside aria-label="Decision" className="flex flex-col gap-4 max-lg:-order-1">
          <ActPanel session={session} explanation={explanation} />
          <DecisionCard explanation={explanation} session={session} />
        </aside>
      </div>
    </>
  );
}

function Open({ session }: { session: Reviewed["session"] }) {
  const open = session.comments.filter((comment) => !comment.isResolved && !comment.isDeleted).length;
  return open === 0 ? null : <Badge>{open} open</Badge>;
}
