import { useState } from "react";

import { useCaller } from "../../shell/caller";
import { Select, TextArea } from "../../ui/Field";
import { ActForm } from "./ActForm";
import type { ActProps } from "./ActPanel";
import { useAct } from "./useAct";

export function ReassignDialog({ session, explanation, onClose }: ActProps) {
  const caller = useCaller();
  const others = [...new Set(explanation.eligible.map(({ userId }) => userId))].filter((id) => id !== caller.id);
  const [reviewer, setReviewer] = useState(others[0] ?? "");
  const [reason, setReason] = useState("");
  const reassign = useAct(
    session.id,
    ({ approval }, text: string, requestId) =>
      approval.reassign({ sessionId: session.id, reviewer, reason: text, requestId }),
    onClose,
  );
  return (
    <ActForm
      title="Ask somebody to look at this plan"
      name="Ask"
      pending={reassign.isPending || reviewer === ""}
      error={reassign.error}
      onSubmit={() => reassign.mutate(reason)}
      onClose={onClose}
    >
      {others.length === 0 ? (
        <p>Nobody else may decide on this plan.</p>
      ) : (
        <Select
          label="Who; those who may decide do not change"
          options={others.map((id) => [id, id] as const)}
          value={reviewer}
          onChange={(event) => setReviewer(event.target.value)}
        />
      )}
      <TextArea label="Reason" maxLength={4096} value={reason} onChange={(event) => setReason(event.target.value)} />
    </ActForm>
  );
}
