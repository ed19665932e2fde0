import { type ReactElement, useState } from "react";

import type { ExplainDecisionResponse } from "../../gen/assent/approval/v1/explanation_pb";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { useCaller } from "../../shell/caller";
import { Visible } from "../../text/Visible";
import { Button, Card } from "../../ui/parts";
import { isApproved, isOpen, isVotable } from "../states";
import { ApproveDialog } from "./ApproveDialog";
import { BreakGlassDialog } from "./BreakGlassDialog";
import { ChangesDialog } from "./ChangesDialog";
import { DelegateDialog } from "./DelegateDialog";
import { ExtendDialog } from "./ExtendDialog";
import { ReassignDialog } from "./ReassignDialog";
import { ReasonDialog } from "./ReasonDialog";
import { RejectDialog } from "./RejectDialog";

export interface ActProps {
  /** As it was shown when the form was opened: its version and digest are what is sent. */
  session: PlanReviewSession;
  explanation: ExplainDecisionResponse;
  onClose: () => void;
}

interface Act {
  name: string;
  tone?: "main" | "grave";
  offered: boolean;
  dialog: (props: ActProps) => ReactElement;
}

export function ActPanel({ session, explanation }: Omit<ActProps, "onClose">) {
  const caller = useCaller();
  // Frozen while a form is open: what arrives meanwhile must not slip under what the person looks at.
  const [open, setOpen] = useState<{ dialog: Act["dialog"]; seen: Omit<ActProps, "onClose"> } | null>(null);
  const { state } = session;
  const eligible = explanation.eligible.some(({ userId }) => userId === caller.id);
  const excluded = explanation.excluded.find(({ userId }) => userId === caller.id);
  const acts: Act[] = [
    { name: "Approve …", tone: "main", offered: isVotable(state) && eligible, dialog: (props) => <ApproveDialog {...props} /> },
    { name: "Reject …", tone: "grave", offered: isVotable(state), dialog: (props) => <RejectDialog {...props} /> },
    { name: "Request changes …", offered: isVotable(state), dialog: (props) => <ChangesDialog {...props} /> },
    { name: "Ask somebody …", offered: isVotable(state), dialog: (props) => <ReassignDialog {...props} /> },
    { name: "More time …", offered: isOpen(state), dialog: (props) => <ExtendDialog {...props} /> },
    { name: "Delegate …", offered: isVotable(state) && eligible, dialog: (props) => <DelegateDialog {...props} /> },
    { name: "Withdraw …", offered: isOpen(state), dialog: (props) => <ReasonDialog {...props} kind="cancel" /> },
    {
      name: "Revoke the approval …",
      tone: "grave",
      offered: isApproved(state) && session.grant !== undefined && session.grant.revokeTime === undefined,
      dialog: (props) => <ReasonDialog {...props} kind="revoke" />,
    },
    {
      name: "Emergency …",
      tone: "grave",
      offered: isVotable(state) && caller.roles.includes("admin"),
      dialog: (props) => <BreakGlassDialog {...props} />,
    },
  ];
  const offered = acts.filter((act) => act.offered);
  return (
    <Card title="Your decision">
      {isVotable(state) && !eligible && (
        <p className="mb-3">
          {excluded === undefined ? "You cannot approve this plan." : <Visible text={`You cannot approve: ${excluded.message}`} />}
        </p>
      )}
      {offered.length === 0 && <p className="text-soft">Nothing is left to do here.</p>}
      <div className="flex flex-wrap gap-2">
        {offered.map(({ name, tone, dialog }) => (
          <Button key={name} tone={tone ?? "plain"} onClick={() => setOpen({ dialog, seen: { session, explanation } })}>
            {name}
          </Button>
        ))}
      </div>
      {open?.dialog({ ...open.seen, onClose: () => setOpen(null) })}
    </Card>
  );
}
