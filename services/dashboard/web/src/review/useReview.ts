import { queryOptions, type UseQueryResult, useQuery } from "@tanstack/react-query";

import { type Clients, useClients } from "../api/clients";
import { type Open, useLive } from "../api/watch";
import type { ExplainDecisionResponse } from "../gen/assent/approval/v1/explanation_pb";
import type { PlanReviewSession } from "../gen/assent/review/v1/session_pb";

export const reviewKey = (id: string) => ["review", id] as const;

export interface Reviewed {
  session: PlanReviewSession;
  explanation: ExplainDecisionResponse;
  /** How far the log was when both were read. */
  position: bigint;
}

/** How a session and where its decision stands are read. */
export const reviewQuery = (approval: Clients["approval"], id: string) =>
  queryOptions({
    queryKey: reviewKey(id),
    queryFn: async ({ signal }): Promise<Reviewed> => {
      const [{ session, position }, explanation] = await Promise.all([
        // What changed in a version is asked for where versions are compared.
        approval.getSession({ sessionId: id, briefVersions: true }, { signal }),
        approval.explainDecision({ sessionId: id }, { signal }),
      ]);
      if (session === undefined) throw new Error("the service answered without a session");
      // Whichever was read first may lack what the other has.
      return { session, explanation, position: position < explanation.position ? position : explanation.position };
    },
  });

/** A session and where its decision stands, read anew with each fact about it. */
export function useReview(id: string): { review: UseQueryResult<Reviewed>; live: boolean } {
  const { approval } = useClients();
  const review = useQuery(reviewQuery(approval, id));
  const open: Open = (afterPosition, signal) => approval.watchSession({ sessionId: id, afterPosition }, { signal });
  const { live } = useLive(open, [reviewKey(id), ["versions", id], ["audit", id]], id, review.data?.position);
  return { review, live };
}
