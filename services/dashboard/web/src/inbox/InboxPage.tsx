import { useMutation, useQueryClient } from "@tanstack/react-query";

import { useClients } from "../api/clients";
import type { Notification } from "../gen/assent/notification/v1/notification_pb";
import { Link } from "../router/router";
import { moment } from "../text/format";
import { Visible } from "../text/Visible";
import { Badge, Button, Card, Failure, Nothing, Waiting } from "../ui/parts";
import { INBOX, useInbox } from "./useInbox";

export function InboxPage() {
  const { inbox } = useClients();
  const queries = useQueryClient();
  const list = useInbox();
  const mark = useMutation({
    mutationFn: (notificationIds: string[]) => inbox.markRead({ notificationIds }),
    onSuccess: () => queries.invalidateQueries({ queryKey: INBOX }),
  });
  const pages = list.data?.pages;
  const rows = pages?.flatMap(({ notifications }) => notifications) ?? [];
  return (
    <>
      <h1 className="mb-3">Inbox</h1>
      <Card
        title={`${pages?.[0]?.unread ?? 0} unread`}
        actions={
          // Without ids: all of them.
          <Button disabled={mark.isPending || (pages?.[0]?.unread ?? 0) === 0} onClick={() => mark.mutate([])}>
            Mark all as read
          </Button>
        }
      >
        {mark.error !== null && <Failure error={mark.error} />}
        {list.error !== null && <Failure error={list.error} retry={() => void list.refetch()} />}
        {list.isPending && <Waiting what="your inbox" />}
        {pages !== undefined && rows.length === 0 && <Nothing>Nobody has told you anything yet.</Nothing>}
        <ul aria-label="Notifications" className="flex flex-col gap-3">
          {rows.map((row) => (
            <Row key={row.id} row={row} onRead={() => mark.mutate([row.id])} />
          ))}
        </ul>
        {list.hasNextPage && (
          <Button className="mt-3" onClick={() => void list.fetchNextPage()}>
            Load more
          </Button>
        )}
      </Card>
    </>
  );
}

function Row({ row, onRead }: { row: Notification; onRead: () => void }) {
  const unread = row.readTime === undefined;
  return (
    <li className="border-b border-line pb-2">
      <div className="flex flex-wrap items-center gap-2">
        {unread && <Badge tone="wait">New</Badge>}
        {row.sessionId === "" ? (
          <strong>
            <Visible text={row.title} />
          </strong>
        ) : (
          <Link href={`/sessions/${row.sessionId}`} onClick={unread ? onRead : undefined}>
            <Visible text={row.title} />
          </Link>
        )}
        {unread && (
          <Button className="ml-auto" onClick={onRead} aria-label={`Mark as read: ${row.title}`}>
            Read
          </Button>
        )}
      </div>
      <p>
        <Visible text={row.body} lines />
      </p>
      <p className="text-sm text-soft">{moment(row.createTime)}</p>
    </li>
  );
}
