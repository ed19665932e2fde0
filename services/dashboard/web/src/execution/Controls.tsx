import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useClients } from "../api/clients";
import type { Execution } from "../gen/assent/execution/v1/execution_pb";
import { ActForm } from "../review/act/ActForm";
import { TextArea } from "../ui/Field";
import { Button } from "../ui/parts";
import { executionKey } from "./ExecutionView";
import { type Order, ordersFor } from "./states";

const ORDERS: Record<Order, { name: string; text: string; grave: boolean }> = {
  pause: { name: "Pause", text: "What runs ends; nothing more begins.", grave: false },
  resume: { name: "Resume", text: "The execution goes on.", grave: false },
  cancel: { name: "Cancel", text: "What runs is cut off, and what was done stays.", grave: true },
  rollback: { name: "Roll back", text: "What runs is cut off, and what was done is undone, the last item first.", grave: true },
};

export function Controls({ execution }: { execution: Execution }) {
  const [order, setOrder] = useState<Order>();
  return (
    <div className="flex flex-wrap gap-2">
      {ordersFor(execution).map((one) => (
        <Button key={one} tone={ORDERS[one].grave ? "grave" : "plain"} onClick={() => setOrder(one)}>
          {ORDERS[one].name} …
        </Button>
      ))}
      {order !== undefined && <OrderDialog execution={execution} order={order} onClose={() => setOrder(undefined)} />}
    </div>
  );
}

function OrderDialog({ execution, order, onClose }: { execution: Execution; order: Order; onClose: () => void }) {
  const { executor } = useClients();
  const queries = useQueryClient();
  const [reason, setReason] = useState("");
  const { name, text, grave } = ORDERS[order];
  const give = useMutation({
    mutationFn: async (): Promise<unknown> => executor[order]({ sessionId: execution.sessionId, reason }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: executionKey(execution.sessionId) });
      onClose();
    },
  });
  return (
    <ActForm
      title={`${name} the execution`}
      name={name}
      grave={grave}
      pending={give.isPending}
      error={give.error}
      onSubmit={() => give.mutate()}
      onClose={onClose}
    >
      <p>{text}</p>
      <TextArea label="Reason" value={reason} onChange={(event) => setReason(event.target.value)} />
    </ActForm>
  );
}
