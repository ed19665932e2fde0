import { useState } from "react";

import { shortCode } from "../../text/format";
import { TextArea } from "../../ui/Field";
import { ActForm } from "./ActForm";
import type { ActProps } from "./ActPanel";
import { useAct } from "./useAct";

// A rejection cannot do harm, so it asks for no code.
export function RejectDialog({ session, onClose }: ActProps) {
  const [reason, setReason] = useState("");
  const reject = useAct(
    session.id,
    ({ approval }) =>
      approval.reject({ sessionId: session.id, version: session.currentVersion, digest: session.digest, reason }),
    onClose,
  );
  return (
    <ActForm
      title={`Reject version ${session.currentVersion} (${shortCode(session.digest)})`}
      name="Reject"
      grave
      pending={reject.isPending}
      error={reject.error}
      onSubmit={() => reject.mutate(undefined)}
      onClose={onClose}
    >
      <TextArea label="Reason" required maxLength={4096} value={reason} onChange={(event) => setReason(event.target.value)} />
    </ActForm>
  );
}
