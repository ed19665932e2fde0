import { useState } from "react";

import { useCaller } from "../../shell/caller";
import { shortCode } from "../../text/format";
import { Select, TextArea, TextField } from "../../ui/Field";
import { type ConditionTexts, conditionsFrom, NO_CONDITIONS } from "../conditions";
import { skippedWith } from "../plan/closure";
import { asksForCode } from "../states";
import { ActForm } from "./ActForm";
import type { ActProps } from "./ActPanel";
import { ItemChoice } from "./ItemChoice";
import { useAct } from "./useAct";

export function ApproveDialog({ session, explanation, onClose }: ActProps) {
  const caller = useCaller();
  const plan = session.plan;
  const all = plan?.items.map(({ id }) => id) ?? [];
  const [reason, setReason] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(all));
  const [conditions, setConditions] = useState<ConditionTexts>(NO_CONDITIONS);
  const places = explanation.eligible.filter(({ userId }) => userId === caller.id).map(({ delegator }) => delegator);
  const [delegator, setDelegator] = useState(places.includes("") ? "" : (places[0] ?? ""));
  const approve = useAct(
    session.id,
    ({ approval }) =>
      approval.approve({
        sessionId: session.id,
        version: session.currentVersion,
        digest: session.digest,
        reason,
        delegator,
        items: chosen.size === all.length ? [] : [...chosen],
        conditions: conditionsFrom(conditions),
      }),
    onClose,
  );
  const skipped = skippedWith(chosen, plan?.dependencies ?? []);
  const change = (part: Partial<ConditionTexts>) => setConditions((before) => ({ ...before, ...part }));
  const running = chosen.size - skipped.size;
  return (
    <ActForm
      title={`Approve version ${session.currentVersion} (${shortCode(session.digest)})`}
      name={running === all.length ? "Approve the whole plan" : `Approve ${running} of ${all.length} items`}
      code={asksForCode(session) ? session : undefined}
      pending={approve.isPending || running === 0}
      error={approve.error}
      onSubmit={() => approve.mutate(undefined)}
      onClose={onClose}
    >
      <TextArea label="Reason" maxLength={4096} value={reason} onChange={(event) => setReason(event.target.value)} />
      {(places.length > 1 || delegator !== "") && (
        <Select
          label="Vote for"
          options={places.map((id) => [id, id === "" ? "yourself" : id] as const)}
          value={delegator}
          onChange={(event) => setDelegator(event.target.value)}
        />
      )}
      {session.options?.allowPartialApproval !== false && plan !== undefined && (
        <details>
          <summary>Approve some items only</summary>
          <ItemChoice plan={plan} chosen={chosen} skipped={skipped} onChange={setChosen} />
        </details>
      )}
      <details>
        <summary>Conditions that the execution must keep to</summary>
        <div className="mt-2 grid gap-3 sm:grid-cols-2">
          <TextField
            label="Costs at most (US dollars)"
            type="number"
            min="0"
            step="any"
            value={conditions.maxCost}
            onChange={(event) => change({ maxCost: event.target.value })}
          />
          <TextField
            label="No item starts after"
            type="datetime-local"
            value={conditions.notAfter}
            onChange={(event) => change({ notAfter: event.target.value })}
          />
          <label className="flex items-center gap-2">
            <input type="checkbox" checked={conditions.dryRun} onChange={(event) => change({ dryRun: event.target.checked })} />
            A dry run must succeed first
          </label>
          <TextField
            label="Must hold before each item (CEL)"
            placeholder="execution.cost < 2.0"
            value={conditions.expression}
            onChange={(event) => change({ expression: event.target.value })}
          />
        </div>
      </details>
    </ActForm>
  );
}
