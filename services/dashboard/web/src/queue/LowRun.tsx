import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useClients } from "../api/clients";
import { RiskLevel } from "../gen/assent/plan/v1/plan_pb";
import type { PlanReviewSession } from "../gen/assent/review/v1/session_pb";
import { coveredByItem } from "../review/plan/covered";
import { CoveredFields } from "../review/plan/CoveredFields";
import { shortCode } from "../text/format";
import { Visible } from "../text/Visible";
import { Dialog } from "../ui/Dialog";
import { Button, Failure, RiskBadge, Waiting } from "../ui/parts";
import type { Waiting as Row } from "./QueuePage";

/** Those of the rows that may be gone through one after the other: LOW, and for a vote of one's own. */
export const lowOnes = (rows: Row[]): string[] =>
  rows
    .filter(({ session, pending }) => session.risk?.level === RiskLevel.LOW && pending?.delegator === "")
    .map(({ session }) => session.id);

/** Goes through plans of low risk with one look at each; nothing is approved that was not shown. */
export function LowRun({ ids, onClose }: { ids: string[]; onClose: () => void }) {
  const { approval } = useClients();
  const queries = useQueryClient();
  const [at, setAt] = useState(0);
  const id = ids[at];
  const look = useQuery({
    queryKey: ["low", id],
    queryFn: ({ signal }) => approval.getSession({ sessionId: id ?? "", briefVersions: true }, { signal }),
    enabled: id !== undefined,
    staleTime: Infinity,
    gcTime: 0,
  });
  const next = () => {
    approve.reset();
    setAt((before) => before + 1);
  };
  const approve = useMutation({
    mutationFn: ({ id: sessionId, currentVersion: version, digest }: PlanReviewSession) =>
      approval.approve({ sessionId, version, digest }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["queue"] });
      next();
    },
  });
  const session = look.data?.session;
  // It may have become riskier since the list was read.
  const stillLow = session?.risk?.level === RiskLevel.LOW;
  return (
    <Dialog title={id === undefined ? "That was all" : `Low risk, ${at + 1} of ${ids.length}`} onClose={onClose}>
      {id !== undefined && look.isPending && <Waiting what="the plan" />}
      {look.error !== null && <Failure error={look.error} />}
      {id !== undefined && session !== undefined && (
        <>
          <p className="mb-2 flex flex-wrap items-center gap-2">
            <RiskBadge level={session.risk?.level} /> Version {session.currentVersion}, <code>{shortCode(session.digest)}</code>
          </p>
          <h3>
            <Visible text={session.plan?.goal ?? ""} lines />
          </h3>
          <ol className="my-3 flex max-h-[50vh] flex-col gap-3 overflow-y-auto" tabIndex={0} aria-label="Work items">
            {session.plan?.items.map((item) => (
              <li key={item.id}>
                <strong>
                  <Visible text={item.name} />
                </strong>
                <CoveredFields fields={coveredByItem(item)} />
              </li>
            ))}
          </ol>
          {!stillLow && <p className="mb-2 text-critical">This plan is not of low risk any more: decide on it on its own page.</p>}
        </>
      )}
      {approve.error !== null && <Failure error={approve.error} />}
      <div className="flex flex-wrap gap-2">
        {id !== undefined && (
          <>
            <Button
              tone="main"
              disabled={session === undefined || !stillLow || approve.isPending}
              onClick={() => session !== undefined && approve.mutate(session)}
            >
              Approve
            </Button>
            <Button onClick={next}>Skip</Button>
          </>
        )}
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}
