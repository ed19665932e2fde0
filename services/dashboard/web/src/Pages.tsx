import { AnalyticsPage } from "./analytics/AnalyticsPage";
import { DelegationsPage } from "./delegations/DelegationsPage";
import { InboxPage } from "./inbox/InboxPage";
import { PolicyPage } from "./policy/PolicyPage";
import { QueuePage } from "./queue/QueuePage";
import { readTab, ReviewPage } from "./review/ReviewPage";
import { usePath } from "./router/router";
import { Nothing } from "./ui/parts";

const SESSION = /^\/sessions\/(ses_[0-9a-f]+)(?:\/([a-z]+))?$/;

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
