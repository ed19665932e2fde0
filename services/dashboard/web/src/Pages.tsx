import type { QueryClient } from "@tanstack/react-query";

import { AnalyticsPage } from "./analytics/AnalyticsPage";
import type { Clients } from "./api/clients";
import { DelegationsPage } from "./delegations/DelegationsPage";
import { InboxPage } from "./inbox/InboxPage";
import { PolicyPage } from "./policy/PolicyPage";
import { readFilters } from "./queue/filters";
import { QueuePage } from "./queue/QueuePage";
import { queueQuery } from "./queue/useQueue";
import { loadGraph } from "./review/graph/loadGraph";
import { readTab, ReviewPage } from "./review/ReviewPage";
import { reviewQuery } from "./review/useReview";
import { usePath } from "./router/router";
import { Nothing } from "./ui/parts";

const SESSION = /^\/sessions\/(ses_[0-9a-f]+)(?:\/([a-z]+))?$/;

/** Begins to fetch what a page needs, before it is known who looks at it. */
export function prefetch(path: string, { approval }: Clients, queries: QueryClient): void {
  if (path === "/") {
    const filters = readFilters(new URLSearchParams(window.location.search));
    return void queries.prefetchInfiniteQuery(queueQuery(approval, filters));
  }
  const [, id, name] = SESSION.exec(path) ?? [];
  if (id === undefined) return;
  void queries.prefetchQuery(reviewQuery(approval, id));
  if (readTab(name) === "plan") void loadGraph();
}

export function Pages() {
  const path = usePath();
  if (path === "/" || path === "/login") return <QueuePage />;
  if (path === "/inbox") return <InboxPage />;
  if (path === "/delegations") return <DelegationsPage />;
  if (path === "/policy") return <PolicyPage />;
  if (path === "/analytics") return <AnalyticsPage />;
  const [, sessionId, name] = SESSION.exec(path) ?? [];
  const tab = readTab(name);
  if (sessionId !== undefined && tab !== undefined) return <ReviewPage key={sessionId} id={sessionId} tab={tab} />;
  return <Nothing>There is no such page.</Nothing>;
}
