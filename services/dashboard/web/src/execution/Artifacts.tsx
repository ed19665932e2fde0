import { useMutation, useQuery } from "@tanstack/react-query";

import { useClients } from "../api/clients";
import { download } from "../api/download";
import type { Artifact } from "../gen/assent/execution/v1/execution_pb";
import { Visible } from "../text/Visible";
import { Button, Card, Failure, Nothing, Waiting } from "../ui/parts";

export function Artifacts({ sessionId }: { sessionId: string }) {
  const { executor } = useClients();
  const list = useQuery({
    queryKey: ["artifacts", sessionId],
    queryFn: ({ signal }) => executor.listArtifacts({ sessionId }, { signal }),
  });
  const artifacts = list.data?.artifacts;
  return (
    <Card title="Artifacts">
      {list.error !== null && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Waiting what="artifacts" />}
      {artifacts?.length === 0 && <Nothing>Nothing has been made yet.</Nothing>}
      <ul className="flex flex-col gap-2">
        {artifacts?.map((artifact) => (
          <li key={artifact.id} className="flex flex-wrap items-center gap-3">
            <Line artifact={artifact} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Line({ artifact: { id, path, size, digest } }: { artifact: Artifact }) {
  const { executor } = useClients();
  // Never as a type that a browser would show: what was made is to be kept, not opened here.
  const get = useMutation({
    mutationFn: () => download(executor.downloadArtifact({ artifactId: id }), path, "application/octet-stream"),
  });
  return (
    <>
      <code>
        <Visible text={path} />
      </code>
      <span className="text-sm text-soft">
        {size.toString()} bytes, SHA-256 <code>{digest.slice(0, 12)}</code>
      </span>
      <Button onClick={() => get.mutate()} disabled={get.isPending} aria-label={`Download ${path}`}>
        Download
      </Button>
      {get.error !== null && <Failure error={get.error} />}
    </>
  );
}
