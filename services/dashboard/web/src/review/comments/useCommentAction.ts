import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";

import { type Clients, useClients } from "../../api/clients";
import { reviewKey } from "../useReview";

/** Something done about comments, after which the review is read anew. */
export function useCommentAction<Input>(
  sessionId: string,
  act: (comments: Clients["comments"], input: Input) => Promise<unknown>,
): UseMutationResult<unknown, Error, Input> {
  const { comments } = useClients();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (input: Input) => act(comments, input),
    onSuccess: () => queries.invalidateQueries({ queryKey: reviewKey(sessionId) }),
  });
}
