import type { JsonObject } from "@bufbuild/protobuf";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";

import { useClients } from "../api/clients";
import { download } from "../api/download";
import type { AuditEntry, VerifyResponse } from "../gen/assent/approval/v1/audit_service_pb";
import { moment } from "../text/format";
import { Visible } from "../text/Visible";
import { Badge, Button, Card, Failure, Waiting } from "../ui/parts";

export function AuditView({ sessionId }: { sessionId: string }) {
  const { audit } = useClients();
  const entries = useInfiniteQuery({
    queryKey: ["audit", sessionId, "entries"],
    queryFn: ({ pageParam, signal }) => audit.listEntries({ sessionId, pageSize: 200, pageToken: pageParam }, { signal }),
    initialPageParam: "",
    getNextPageParam: ({ nextPageToken }) => (nextPageToken === "" ? undefined : nextPageToken),
  });
  const chain = useQuery({
    queryKey: ["audit", sessionId, "chain"],
    queryFn: ({ signal }) => audit.verify({ sessionId }, { signal }),
  });
  const evidence = useMutation({
    mutationFn: () => download(audit.exportEvidence({ sessionId }), `${sessionId}.evidence.json`, "application/octet-stream"),
  });
  return (
    <Card
      title="Audit"
      actions={
        <Button onClick={() => evidence.mutate()} disabled={evidence.isPending}>
          Download the evidence
        </Button>
      }
    >
      {evidence.error !== null && <Failure error={evidence.error} />}
      {chain.error !== null && <Failure error={chain.error} />}
      {chain.data !== undefined && <Chain chain={chain.data} />}
      {entries.error !== null && <Failure error={entries.error} retry={() => void entries.refetch()} />}
      {entries.isPending && <Waiting what="the audit log" />}
      <ol aria-label="Audit log" className="flex flex-col gap-3">
        {entries.data?.pages.flatMap((page) => page.entries).map((entry) => <Entry key={entry.id} entry={entry} />)}
      </ol>
      {entries.hasNextPage && (
        <Button className="mt-3" onClick={() => void entries.fetchNextPage()}>
          Load more
        </Button>
      )}
    </Card>
  );
}

function Chain({ chain }: { chain: VerifyResponse }) {
  return (
    <p className="mb-3 flex flex-wrap items-center gap-2" role="status">
      {chain.intact ? <Badge tone="good">Chain intact</Badge> : <Badge tone="bad">Chain broken</Badge>}
      {chain.intact ? (
        <span>
          {chain.entries.toString()} entries, head <code>{chain.headDigest.slice(0, 12)}</code>
        </span>
      ) : (
        <span>
          at entry {chain.brokenAt.toString()}: <Visible text={chain.problem} />
        </span>
      )}
    </p>
  );
}

function Entry({ entry: { sequence, action, actor, time, details, digest } }: { entry: AuditEntry }) {
  const text = JSON.stringify(details ?? ({} as JsonObject), null, 2);
  return (
    <li className="border-l-2 border-line pl-3">
      <p>
        <strong>{action}</strong> by <Visible text={actor?.id ?? "unknown"} />
      </p>
      <p className="text-sm text-soft">
        {moment(time)}, entry {sequence.toString()}, <code>{digest.slice(0, 12)}</code>
      </p>
      {text !== "{}" && (
        <details>
          <summary>Details</summary>
          <code className="block overflow-x-auto rounded bg-raised p-2">
            <Visible text={text} lines />
          </code>
        </details>
      )}
    </li>
  );
}
