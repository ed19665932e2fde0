import { useState } from "react";

import { Select, TextArea } from "../../ui/Field";
import { ActForm } from "./ActForm";
import type { ActProps } from "./ActPanel";
import { useAct } from "./useAct";

const TIMES = [["3600", "1 hour"], ["14400", "4 hours"], ["86400", "1 day"], ["604800", "1 week"]] as const;

export function ExtendDialog({ session, onClose }: ActProps) {
  const [seconds, setSeconds] = useState("86400");
  const [reason, setReason] = useState("");
  const extend = useAct(
    session.id,
    ({ approval }, text: string, requestId) =>
      approval.extendDeadline({ sessionId: session.id, extension: { seconds: BigInt(seconds) }, reason: text, requestId }),
    onClose,
  );
  return (
    <ActForm
      title="More time to decide"
      name="Extend"
      pending={extend.isPending}
      error={extend.error}
      onSubmit={() => extend.mutate(reason)}
      onClose={onClose}
    >
      <Select label="On top of the deadline" options={TIMES} value={seconds} onChange={(event) => setSeconds(event.target.value)} />
      <TextArea label="Reason" maxLength={4096} value={reason} onChange={(event) => setReason(event.target.value)} />
    </ActForm>
  );
}
