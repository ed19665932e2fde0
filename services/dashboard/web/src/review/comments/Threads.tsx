import { type FormEvent, type ReactNode, useRef, useState } from "react";

import { newRequestId } from "../../api/requestId";
import { CommentScope, CommentType, type PlanComment } from "../../gen/assent/review/v1/comment_pb";
import { useCaller } from "../../shell/caller";
import { moment, words } from "../../text/format";
import { Visible } from "../../text/Visible";
import { TextArea } from "../../ui/Field";
import { Badge, Button, Failure, Nothing } from "../../ui/parts";
import { useCommentAction } from "./useCommentAction";

/** Threads; those that are settled or about what has changed since are folded. */
export function Threads({ sessionId, comments }: { sessionId: string; comments: PlanComment[] }) {
  if (comments.length === 0) return <Nothing>No comments.</Nothing>;
  return (
    <ul className="flex flex-col gap-3">
      {comments.map((comment) => (
        <li key={comment.id}>
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

/** What one person wrote. Markdown is not rendered: it is shown as it was written. */
function Words({ sessionId, comment }: { sessionId: string; comment: PlanComment }) {
  const caller = useCaller();
  const [editing, setEditing] = useState(false);
  const remove = useCommentAction(sessionId, (comments, commentId: string) =>
    comments.deleteComment({ commentId, requestId: newRequestId() }),
  );
  const own = comment.author?.id === caller.id && !comment.isDeleted && !comment.isHidden;
  return (
    <>
      <p className="text-sm text-soft">
        <Visible text={comment.author?.id ?? ""} />, {moment(comment.createTime)}
        {comment.modifyTime !== undefined && ", edited"}
      </p>
      {comment.isDeleted ? (
        <p className="text-soft">Taken back by its author.</p>
      ) : comment.isHidden ? (
        <p className="text-soft">
          Hidden: <Visible text={comment.hideReason} />
        </p>
      ) : editing ? (
        <Edit sessionId={sessionId} comment={comment} onDone={() => setEditing(false)} />
      ) : (
        <p>
          <Visible text={comment.content} lines />
        </p>
      )}
      {own && !editing && (
        <p className="mt-1 flex gap-2">
          <Button onClick={() => setEditing(true)}>Edit</Button>
          <Button onClick={() => remove.mutate(comment.id)}>Take back</Button>
        </p>
      )}
      {remove.error !== null && <Failure error={remove.error} />}
    </>
  );
}

function Edit({ sessionId, comment, onDone }: { sessionId: string; comment: PlanComment; onDone: () => void }) {
  const edit = useCommentAction(sessionId, (comments, content: string) =>
    comments.editComment({ commentId: comment.id, content, requestId: newRequestId() }),
  );
  return <Writing label="Edit the comment" name="Save" start={comment.content} action={edit} onDone={onDone} />;
}

function Reply({ sessionId, commentId }: { sessionId: string; commentId: string }) {
  const [open, setOpen] = useState(false);
  const requestId = useRef(newRequestId());
  const reply = useCommentAction(sessionId, (comments, content: string) =>
    comments.replyToComment({ commentId, content, requestId: requestId.current }),
  );
  if (!open) return <Button onClick={() => setOpen(true)}>Reply</Button>;
  const done = () => {
    requestId.current = newRequestId();
    setOpen(false);
  };
  return <Writing label="Reply" name="Send" start="" action={reply} onDone={done} />;
}

interface WritingProps {
  label: string;
  name: string;
  start: string;
  action: ReturnType<typeof useCommentAction<string>>;
  onDone: () => void;
}

function Writing({ label, name, start, action, onDone }: WritingProps) {
  const [text, setText] = useState(start);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    action.mutate(text, { onSuccess: onDone });
  };
  return (
    <form onSubmit={submit} className="flex w-full flex-col gap-2">
      <TextArea label={label} required maxLength={8192} value={text} onChange={(event) => setText(event.target.value)} />
      <div className="flex gap-2">
        <button type="submit" className="button button-main" disabled={action.isPending}>
          {name}
        </button>
        <Button onClick={onDone}>Leave it</Button>
      </div>
      {action.error !== null && <Failure error={action.error} />}
    </form>
  );
}
