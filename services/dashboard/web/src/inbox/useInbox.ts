import { useInfiniteQuery } from "@tanstack/react-query";

import { useClients } from "../api/clients";

export const INBOX = ["inbox"] as const;
const EVERY = 10_000;

/** What the caller was told, the newest first. The first page says how much of it is unread. */
export function useInbox() {
  const { inbox } = useClients();
  return useInfiniteQuery({
    queryKey: INBOX,
    queryFn: ({ pageParam, signal }) => inbox.listInbox({ pageSize: 50, pageToken: pageParam }, { signal }),
    initialPageParam: "",
    getNextPageParam: ({ nextPageToken }) => (nextPageToken === "" ? undefined : nextPageToken),
    refetchInterval: EVERY,
  });
}
