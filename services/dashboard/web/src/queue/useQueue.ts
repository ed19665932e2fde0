import { infiniteQueryOptions, keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";

import { type Clients, useClients } from "../api/clients";
import type { PlanReviewSession } from "../gen/assent/review/v1/session_pb";
import { DECIDED, type Filters, OPEN, serverOrder } from "./filters";
import type { Waiting } from "./QueuePage";

const PAGE = 100;
/** How often the list is read anew while the page is looked at, in ms: its events are for services only. */
const EVERY = 3000;

interface Page {
  rows: Waiting[];
  next: string;
}

export interface Queue {
  rows: Waiting[];
  loading: boolean;
  error: unknown;
  retry: () => void;
  /** Loads the next page; none when there is none. */
  more: (() => void) | undefined;
}

/** How the list is read that the filters ask for. */
export function queueQuery(approval: Clients["approval"], { view, risk, priority, order }: Filters) {
  const read = async (pageToken: string, signal: AbortSignal): Promise<Page> => {
    if (view === "mine") {
      const page = await approval.listPendingSessions({ pageSize: PAGE, pageToken }, { signal });
      const rows = page.sessions.filter(hasSession).map((pending) => ({ session: pending.session, pending }));
      return { rows, next: page.nextPageToken };
    }
    const states = view === "open" ? [...OPEN] : [...DECIDED];
    const page = await approval.listSessions(
      { pageSize: PAGE, pageToken, states, riskLevel: risk, priority, order: serverOrder(order) },
      { signal },
    );
    return { rows: page.sessions.map((session) => ({ session })), next: page.nextPageToken };
  };
  const server = view === "mine" ? [] : [risk, priority, serverOrder(order)];
  return infiniteQueryOptions({
    queryKey: ["queue", view, ...server],
    queryFn: ({ pageParam, signal }) => read(pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (last) => (last.next === "" ? undefined : last.next),
  });
}

export function useQueue(filters: Filters): Queue {
  const { approval } = useClients();
  const query = useInfiniteQuery({
    ...queueQuery(approval, filters),
    refetchInterval: EVERY,
    placeholderData: keepPreviousData,
  });
  return {
    rows: query.data?.pages.flatMap(({ rows }) => rows) ?? [],
    loading: query.isPending || query.isPlaceholderData,
    error: query.error,
    retry: () => void query.refetch(),
    more: query.hasNextPage ? () => void query.fetchNextPage() : undefined,
  };
}

function hasSession<T extends { session?: PlanReviewSession }>(row: T): row is T & { session: PlanReviewSession } {
  return row.session !== undefined;
}
