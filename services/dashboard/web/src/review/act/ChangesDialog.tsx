import { useState } from "react";

import { TextArea } from "../../ui/Field";
import { ActForm } from "./ActForm";
import type { ActProps } from "./ActPanel";
import { useAct } from "./useAct";

export function ChangesDialog({ session, onClose }: ActProps) {
  const [feedback, setFeedback] = useState("");
  const open = session.comments.filter((comment) => !comment.isResolved && !comment.isDeleted).length;
  const request = useAct(
    session.id,
    ({ approval }, text: string, requestId) =>
      approval.requestModification({
        sessionId: session.id,
        version: session.currentVersion,
        digest: session.digest,
        feedback: text,
        requestId,
      }),
    onClose,
  );
  return (
    <ActForm
      title={`Request changes of version ${session.currentVersion}`}
      name="Request changes"
      pending={request.isPending}
      error={request.error}
      onSubmit={() => request.mutate(feedback)}
      onClose={onClose}
    >
      <TextArea
        label="What is wrong, and what would be right"
        required
        maxLength={8192}
        value={feedback}
        onChange={(event) => setFeedback(event.target.value)}
        hint={open === 0 ? "The planner revises the plan by it." : `The planner revises the plan by it, and by the open comments (${open}).`}
      />
    </ActForm>
  );
}
