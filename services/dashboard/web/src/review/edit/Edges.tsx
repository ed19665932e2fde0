import { useState } from "react";

import type { Edit } from "../../gen/assent/plan/v1/edit_pb";
import { DependencyType, type Plan } from "../../gen/assent/plan/v1/plan_pb";
import { Select } from "../../ui/Field";
import { Button, Card } from "../../ui/parts";
import { addedEdge, removedEdge } from "./edits";

const TYPES = [
  [String(DependencyType.DEPENDENCY), "needs it"],
  [String(DependencyType.DATA), "uses its outputs"],
  [String(DependencyType.SOFT), "only comes after it"],
] as const;

/** The same as the lines of the graph, for those who would rather choose than draw. */
export function Edges({ plan, onEdit }: { plan: Plan; onEdit: (edit: Edit) => void }) {
  const ids = plan.items.map(({ id }) => [id, id] as const);
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [type, setType] = useState(String(DependencyType.DEPENDENCY));
  const choose = [["", "choose"], ...ids] as const;
  return (
    <Card title="Order of the work">
      <ul className="mb-3 flex flex-col gap-1">
        {plan.dependencies.map((edge) => (
          <li key={`${edge.from} ${edge.to}`} className="flex flex-wrap items-center gap-2">
            <code>
              {edge.to} ← {edge.from}
            </code>
            <Button
              aria-label={`${edge.to} no longer waits for ${edge.from}`}
              onClick={() => onEdit(removedEdge(edge.from, edge.to))}
            >
              Remove
            </Button>
          </li>
        ))}
      </ul>
      <div className="grid items-end gap-2 sm:grid-cols-4">
        <Select label="Item" options={choose} value={to} onChange={(event) => setTo(event.target.value)} />
        <Select label="How" options={TYPES} value={type} onChange={(event) => setType(event.target.value)} />
        <Select label="Waits for" options={choose} value={from} onChange={(event) => setFrom(event.target.value)} />
        <Button disabled={from === "" || to === "" || from === to} onClick={() => onEdit(addedEdge(from, to, Number(type)))}>
          Add
        </Button>
      </div>
    </Card>
  );
}
