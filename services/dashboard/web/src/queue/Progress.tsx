import { useQuery } from "@tanstack/react-query";

import { useClients } from "../api/clients";
import type { PlanReviewSession } from "../gen/assent/review/v1/session_pb";
import { money, moment, since } from "../text/format";
import { Visible } from "../text/Visible";
import { useNow } from "../ui/now";

/**
 * What lists leave out: how many votes there are while it is open, else who decided, and the cost. Asked for once the
 * row is in sight, and again when the session changed.
 */
export function Progress({ session: { id, revision }, open }: { session: PlanReviewSession; open: boolean }) {
  const { approval } = useClients();
  const now = useNow();
  const details = useQuery({
    queryKey: ["row", id, String(revision)],
    queryFn: async ({ signal }) => {
      const [{ session }, explanation] = await Promise.all([
        approval.getSession({ sessionId: id, briefVersions: true }, { signal }),
        open ? approval.explainDecision({ sessionId: id }, { signal }) : undefined,
      ]);
      return { decision: session?.decision, estimate: session?.estimate, quorum: explanation?.quorum };
    },
    staleTime: Infinity,
  });
  if (details.data === undefined) return <span>{details.error === null ? "…" : ""}</span>;
  const { decision, estimate, quorum } = details.data;
  return (
    <>
      {quorum !== undefined && (
        <span>
          {quorum.given} of {quorum.needed} {quorum.needed === 1 ? "approval" : "approvals"}
        </span>
      )}
      {decision !== undefined && (
        <span title={moment(decision.decideTime)}>
          decided by <Visible text={decision.decidedBy?.id ?? "unknown"} /> {since(decision.decideTime, now)} ago
          {decision.reason !== "" && (
            <>
              {": "}
              <Visible text={decision.reason} />
            </>
          )}
        </span>
      )}
      {estimate !== undefined && <span>about {money(estimate.estimatedCost)}</span>}
    </>
  );
}
