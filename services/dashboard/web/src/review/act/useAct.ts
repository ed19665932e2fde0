import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";

import { type Clients, useClients } from "../../api/clients";
import { newRequestId } from "../../api/requestId";
import { reviewKey } from "../useReview";

/** One thing that a person does in a review. Each opened form has one request id, so that a second press repeats it. */
export function useAct<Input>(
  sessionId: string,
  act: (clients: Clients, input: Input, requestId: string) => Promise<unknown>,
  onDone: () => void,
): UseMutationResult<unknown, Error, Input> {
  const clients = useClients();
  const queries = useQueryClient();
  const requestId = useRef(newRequestId());
  return useMutation({
    mutationFn: (input: Input) => act(clients, input, requestId.current),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: reviewKey(sessionId) });
      onDone();
    },
    // The usual refusal is that something changed meanwhile: show it.
    onError: () => void queries.invalidateQueries({ queryKey: reviewKey(sessionId) }),
  });
}
