import { type FormEvent, useRef, useState } from "react";

import { newRequestId } from "../../api/requestId";
import type { PlanComment } from "../../gen/assent/review/v1/comment_pb";
import { useCaller } from "../../shell/caller";
import { moment } from "../../text/format";
import { Markdown } from "../../text/Markdown";
import { Visible } from "../../text/Visible";
import { Button, Failure } from "../../ui/parts";
import { CommentArea } from "./CommentArea";
import { useCommentAction } from "./useCommentAction";

/** What one person wrote. */
export function Words({ sessionId, comment }: { sessionId: string; comment: PlanComment }) {
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
        <Markdown text={comment.content} mentions={comment.mentions} />
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

export function Reply({ sessionId, commentId }: { sessionId: string; commentId: string }) {
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
      <CommentArea label={label} value={text} onChange={setText} />
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
