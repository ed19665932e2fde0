import { useState } from "react";

import { TextArea } from "../../ui/Field";
import { ActForm } from "./ActForm";
import type { ActProps } from "./ActPanel";
import { useAct } from "./useAct";

const KINDS = {
  cancel: ["Withdraw this request", "Withdraw", "The plan will not run."],
  revoke: ["Revoke the approval", "Revoke", "What has run stays done; nothing further starts."],
} as const;

/** What needs nothing but a reason. */
export function ReasonDialog({ session, kind, onClose }: ActProps & { kind: keyof typeof KINDS }) {
  const [title, name, text] = KINDS[kind];
  const [reason, setReason] = useState("");
  const act = useAct(
    session.id,
    ({ approval }, why: string, requestId) => {
      const request = { sessionId: session.id, reason: why, requestId };
      return kind === "cancel" ? approval.cancel(request) : approval.revokeGrant(request);
    },
    onClose,
  );
  return (
    <ActForm
      title={title}
      name={name}
      grave
      pending={act.isPending}
      error={act.error}
      onSubmit={() => act.mutate(reason)}
      onClose={onClose}
    >
      <p>{text}</p>
      <TextArea label="Reason" required maxLength={4096} value={reason} onChange={(event) => setReason(event.target.value)} />
    </ActForm>
  );
}
