import { CommentScope } from "../../gen/assent/review/v1/comment_pb";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { Select } from "../../ui/Field";
import { Card } from "../../ui/parts";
import { useState } from "react";
import { CommentForm } from "./CommentForm";
import { Threads } from "./Threads";

const ON_ESTIMATE = "estimate";

/** Every thread of the review, and a form for one about the plan, its estimate, or one of its dependencies. */
export function Comments({ session }: { session: PlanReviewSession }) {
  const [about, setAbout] = useState("");
  const edges = session.plan?.dependencies.map(({ from, to }) => [`${from} ${to}`, `${from} → ${to}`] as const) ?? [];
  const [from = "", to = ""] = about === ON_ESTIMATE ? [] : about.split(" ");
  const scope = about === "" ? CommentScope.PLAN : about === ON_ESTIMATE ? CommentScope.ESTIMATE : CommentScope.EDGE;
  return (
    <Card title="Comments">
      <Threads sessionId={session.id} comments={session.comments} />
      <div className="mt-4 border-t border-line pt-3">
        <Select
          label="About"
          options={[["", "The whole plan"], [ON_ESTIMATE, "The estimate"], ...edges]}
          value={about}
          onChange={(event) => setAbout(event.target.value)}
        />
        <CommentForm session={session} scope={scope} targetItemId={from} targetEdgeTo={to} />
        <p className="mt-2 text-sm text-soft">Comments on one item are written where the item is shown.</p>
      </div>
    </Card>
  );
}
