import { useState } from "react";

import { TextArea } from "../../ui/Field";
import { ActForm } from "./ActForm";
import type { ActProps } from "./ActPanel";
import { useAct } from "./useAct";

export function BreakGlassDialog({ session, onClose }: ActProps) {
  const [reason, setReason] = useState("");
  const act = useAct(
    session.id,
    ({ approval }, why: string, requestId) =>
      approval.breakGlass({
        sessionId: session.id,
        version: session.currentVersion,
        digest: session.digest,
        reason: why,
        requestId,
      }),
    onClose,
  );
  return (
    <ActForm
      title="Approve alone, in an emergency"
      name="Approve in an emergency"
      grave
      code={session}
      pending={act.isPending}
      error={act.error}
      onSubmit={() => act.mutate(reason)}
      onClose={onClose}
    >
      <p>An alarm is raised, and those who would have had to sign are asked to review it afterwards.</p>
      <TextArea
        label="Why it cannot wait"
        required
        maxLength={4096}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
    </ActForm>
  );
}
