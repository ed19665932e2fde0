import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useState } from "react";

import { Select, TextArea, TextField } from "../../ui/Field";
import { ActForm } from "./ActForm";
import { useAct } from "./useAct";

const TIMES = [["1", "1 day"], ["3", "3 days"], ["7", "1 week"], ["14", "2 weeks"]] as const;
const DAY = 24 * 60 * 60 * 1000;

/** For every review; the one that it was opened in, if any, is read anew. */
export function DelegateDialog({ session, onClose }: { session?: { id: string }; onClose: () => void }) {
  const [delegate, setDelegate] = useState("");
  const [days, setDays] = useState("1");
  const [reason, setReason] = useState("");
  const create = useAct(
    session?.id ?? "",
    ({ directory }, text: string, requestId) =>
      directory.createDelegation({
        delegate: delegate.trim(),
        endTime: timestampFromMs(Date.now() + Number(days) * DAY),
        reason: text,
        requestId,
      }),
    onClose,
  );
  return (
    <ActForm
      title="Let somebody vote in your place"
      name="Delegate"
      pending={create.isPending}
      error={create.error}
      onSubmit={() => create.mutate(reason)}
      onClose={onClose}
    >
      <p>For every review, not only this one. You can vote yourself all the same.</p>
      <TextField
        label="Id of the person, e.g. ada@example.com"
        required
        value={delegate}
        onChange={(event) => setDelegate(event.target.value)}
      />
      <Select label="From now, for" options={TIMES} value={days} onChange={(event) => setDays(event.target.value)} />
      <TextArea label="Reason" maxLength={1024} value={reason} onChange={(event) => setReason(event.target.value)} />
    </ActForm>
  );
}
