import type { ReactNode } from "react";

import { newRequestId } from "../../api/requestId";
import { CommentScope, CommentType, type PlanComment } from "../../gen/assent/review/v1/comment_pb";
import { words } from "../../text/format";
import { Visible } from "../../text/Visible";
import { Badge, Button, Failure, Nothing } from "../../ui/parts";
import { useCommentAction } from "./useCommentAction";
import { Reply, Words } from "./Words";

/** Threads; those that are settled or about what has changed since are folded. */
export function Threads({ sessionId, comments }: { sessionId: string; comments: PlanComment[] }) {
  if (comments.length === 0) return <Nothing>No comments.</Nothing>;
  return (
    <ul className="flex flex-col gap-3">
      {comments.map((comment) => (
        <li key={comment.id} className="lazy">
          <Folded when={comment.isStale || comment.isResolved} comment={comment}>
            <Thread sessionId={sessionId} comment={comment} />
          </Folded>
        </li>
      ))}
    </ul>
  );
}

function Folded({ when, comment, children }: { when: boolean; comment: PlanComment; children: ReactNode }) {
  if (!when) return children;
  return (
    <details>
      <summary>
        {comment.isResolved ? "Resolved" : "About an older version"}: <Visible text={comment.content.slice(0, 80)} />
      </summary>
      {children}
    </details>
  );
}

function anchor({ scope, targetItemId, targetEdgeTo }: PlanComment): string {
  if (scope === CommentScope.WORK_ITEM) return `on item ${targetItemId}`;
  if (scope === CommentScope.EDGE) return `on ${targetItemId} → ${targetEdgeTo}`;
  return scope === CommentScope.ESTIMATE ? "on the estimate" : "on the plan";
}

function Thread({ sessionId, comment }: { sessionId: string; comment: PlanComment }) {
  const resolve = useCommentAction(sessionId, (comments, done: boolean) => {
    const request = { commentId: comment.id, requestId: newRequestId() };
    return done ? comments.resolveComment(request) : comments.reopenComment(request);
  });
  return (
    <article aria-label={`Comment ${anchor(comment)}`} className="rounded-md border border-line p-3">
      <div className="mb-1 flex flex-wrap items-center gap-2 text-sm text-soft">
        <Badge tone={comment.type === CommentType.CONCERN ? "bad" : "quiet"}>
          {words(CommentType, comment.type || CommentType.GENERAL)}
        </Badge>
        {anchor(comment)}, version {comment.version}
        {comment.isStale && <Badge tone="wait">Changed since</Badge>}
      </div>
      <Words sessionId={sessionId} comment={comment} />
      <ul className="mt-2 ml-4 flex flex-col gap-2 border-l-2 border-line pl-3">
        {comment.replies.map((reply) => (
          <li key={reply.id}>
            <Words sessionId={sessionId} comment={reply} />
          </li>
        ))}
      </ul>
      {comment.isResolved ? (
        <p className="mt-2 text-sm">
          Resolved by <Visible text={comment.resolvedBy?.id ?? ""} />
          {comment.resolution !== "" && (
            <>
              {": "}
              <Visible text={comment.resolution} />
            </>
          )}{" "}
          <Button onClick={() => resolve.mutate(false)}>Open again</Button>
        </p>
      ) : (
        <div className="mt-2 flex flex-wrap items-start gap-2">
          <Reply sessionId={sessionId} commentId={comment.id} />
          <Button onClick={() => resolve.mutate(true)}>Resolve</Button>
        </div>
      )}
      {resolve.error !== null && <Failure error={resolve.error} />}
    </article>
  );
}
