import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useClients } from "../api/clients";
import { newRequestId } from "../api/requestId";
import type { Delegation } from "../gen/assent/approval/v1/directory_service_pb";
import { DelegateDialog } from "../review/act/DelegateDialog";
import { useCaller } from "../shell/caller";
import { millis, moment } from "../text/format";
import { Visible } from "../text/Visible";
import { useNow } from "../ui/now";
import { Badge, Button, Card, Failure, Nothing, Waiting } from "../ui/parts";

const KEY = ["delegations"] as const;

/** Who votes in my place, and in whose place I vote: now, later and before. */
export function DelegationsPage() {
  const { directory } = useClients();
  const caller = useCaller();
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const list = useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => (await directory.listDelegations({ userId: caller.id, pageSize: 200 }, { signal })).delegations,
  });
  const close = () => {
    setOpen(false);
    void queries.invalidateQueries({ queryKey: KEY });
  };
  const given = list.data?.filter(({ delegator }) => delegator === caller.id) ?? [];
  const taken = list.data?.filter(({ delegator }) => delegator !== caller.id) ?? [];
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <h1>Delegations</h1>
        <Button onClick={() => setOpen(true)}>Delegate …</Button>
      </div>
      {open && <DelegateDialog onClose={close} />}
      {list.error !== null && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Waiting what="delegations" />}
      {list.data !== undefined && (
        <div className="flex flex-col gap-4">
          <List title="Who votes in your place" none="Nobody votes in your place." delegations={given} />
          <List title="In whose place you vote" none="You vote in nobody's place." delegations={taken} />
        </div>
      )}
    </>
  );
}

function List({ title, none, delegations }: { title: string; none: string; delegations: Delegation[] }) {
  return (
    <Card title={title}>
      {delegations.length === 0 ? (
        <Nothing>{none}</Nothing>
      ) : (
        <ul aria-label={title} className="flex flex-col gap-3">
          {delegations.map((delegation) => (
            <Line key={delegation.id} delegation={delegation} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function Line({ delegation }: { delegation: Delegation }) {
  const { id, delegator, delegate, startTime, endTime, reason, revokedBy } = delegation;
  const { directory } = useClients();
  const caller = useCaller();
  const queries = useQueryClient();
  const now = useNow();
  const revoke = useMutation({
    mutationFn: () => directory.revokeDelegation({ delegationId: id, requestId: newRequestId() }),
    onSuccess: () => queries.invalidateQueries({ queryKey: KEY }),
  });
  const over = revokedBy !== "" || (millis(endTime) ?? 0) <= now;
  const standing = revokedBy !== "" ? "Ended early" : over ? "Over" : (millis(startTime) ?? 0) > now ? "Later" : "In force";
  return (
    <li>
      <div className="flex flex-wrap items-center gap-2">
        <Badge tone={standing === "In force" ? "good" : "quiet"}>{standing}</Badge>
        <strong>
          <Visible text={delegator === caller.id ? delegate : delegator} />
        </strong>
        {!over && delegator === caller.id && (
          <Button aria-label={`End the delegation to ${delegate}`} disabled={revoke.isPending} onClick={() => revoke.mutate()}>
            End it
          </Button>
        )}
      </div>
      <p className="text-sm text-soft">
        {moment(startTime)} to {moment(endTime)}
        {revokedBy !== "" && (
          <>
            {", ended by "}
            <Visible text={revokedBy} />
          </>
        )}
      </p>
      {reason !== "" && (
        <p>
          <Visible text={reason} lines />
        </p>
      )}
      {revoke.error !== null && <Failure error={revoke.error} />}
    </li>
  );
}
