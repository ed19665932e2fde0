import { type FormEvent, useRef, useState } from "react";

import { newRequestId } from "../../api/requestId";
import { CommentScope, CommentType } from "../../gen/assent/review/v1/comment_pb";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { words } from "../../text/format";
import { Select } from "../../ui/Field";
import { Failure } from "../../ui/parts";
import { CommentArea } from "./CommentArea";
import { useCommentAction } from "./useCommentAction";

const TYPES = [
  CommentType.GENERAL,
  CommentType.QUESTION,
  CommentType.CONCERN,
  CommentType.SUGGESTION,
  CommentType.MODIFICATION,
].map((type) => [String(type), words(CommentType, type)] as const);

interface Props {
  session: PlanReviewSession;
  scope: CommentScope;
  targetItemId?: string;
  targetEdgeTo?: string;
}

export function CommentForm({ session, scope, targetItemId = "", targetEdgeTo = "" }: Props) {
  const [content, setContent] = useState("");
  const [type, setType] = useState(String(CommentType.GENERAL));
  // The same for every try of one comment, so that none is written twice.
  const requestId = useRef(newRequestId());
  const add = useCommentAction(session.id, (comments, text: string) =>
    comments.addComment({
      sessionId: session.id,
      content: text,
      scope,
      targetItemId,
      targetEdgeTo,
      type: Number(type),
      version: session.currentVersion,
      requestId: requestId.current,
    }),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate(content, {
      onSuccess: () => {
        setContent("");
        requestId.current = newRequestId();
      },
    });
  };
  return (
    <form onSubmit={submit} className="mt-3 flex flex-col gap-2">
      <CommentArea label="Comment" value={content} onChange={setContent} />
      <div className="flex flex-wrap items-end gap-2">
        <Select label="Kind" options={TYPES} value={type} onChange={(event) => setType(event.target.value)} />
        <button type="submit" className="button button-main" disabled={add.isPending}>
          Comment
        </button>
      </div>
      {add.error !== null && <Failure error={add.error} />}
    </form>
  );
}
