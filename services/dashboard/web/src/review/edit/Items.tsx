import { useEffect, useRef, useState } from "react";

import type { Edit } from "../../gen/assent/plan/v1/edit_pb";
import type { Plan, WorkItem } from "../../gen/assent/plan/v1/plan_pb";
import { Visible } from "../../text/Visible";
import { Button, Card } from "../../ui/parts";
import { AddForm } from "./AddForm";
import { moved, removal } from "./edits";
import { ItemForm } from "./ItemForm";
import { MergeForm } from "./MergeForm";
import { SplitForm } from "./SplitForm";

/** Which form is open, and of which item. */
export type Opened = { form: "change" | "split"; id: string } | { form: "add" | "merge" } | undefined;

interface Props {
  plan: Plan;
  opened: Opened;
  onOpen: (opened: Opened) => void;
  onEdit: (edit: Edit) => void;
}

export function Items({ plan, opened, onOpen, onEdit }: Props) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const ids = plan.items.map(({ id }) => id);
  const together = plan.items.filter(({ id }) => chosen.has(id));
  const leave = () => onOpen(undefined);
  const edit = (made: Edit) => {
    onEdit(made);
    setChosen(new Set());
    leave();
  };
  const choose = (id: string) =>
    setChosen((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <Card
      title="Items"
      actions={
        <div className="flex flex-wrap gap-2">
          <Button disabled={together.length < 2} onClick={() => onOpen({ form: "merge" })}>
            {together.length < 2 ? "Merge items that are chosen …" : `Merge ${together.length} items …`}
          </Button>
          <Button onClick={() => onOpen({ form: "add" })}>Add an item …</Button>
        </div>
      }
    >
      {opened?.form === "add" && <AddForm taken={ids} onEdit={edit} onLeave={leave} />}
      {opened?.form === "merge" && together.length > 1 && (
        <MergeForm key={together.map(({ id }) => id).join()} items={together} taken={ids} onEdit={edit} onLeave={leave} />
      )}
      <ul className="flex flex-col gap-2">
        {plan.items.map((item, index) => (
          <li key={item.id} className="border-b border-line pb-2">
            <div className="flex flex-wrap items-center gap-2">
              <input
                type="checkbox"
                className="size-6"
                aria-label={`Choose ${item.id}`}
                checked={chosen.has(item.id)}
                onChange={() => choose(item.id)}
              />
              <strong className="mr-auto">
                <Visible text={item.name} /> <code className="font-normal text-soft">{item.id}</code>
              </strong>
              <Open form="change" name="Change" item={item} opened={opened} onOpen={onOpen} />
              <Open form="split" name="Split" item={item} opened={opened} onOpen={onOpen} />
              <Button disabled={index === 0} aria-label={`Move ${item.id} up`} onClick={() => onEdit(moved(ids, item.id, -1))}>
                ↑
              </Button>
              <Button
                disabled={index === ids.length - 1}
                aria-label={`Move ${item.id} down`}
                onClick={() => onEdit(moved(ids, item.id, 1))}
              >
                ↓
              </Button>
              <Button tone="grave" aria-label={`Remove ${item.id}`} onClick={() => onEdit(removal(item.id))}>
                Remove
              </Button>
            </div>
            {isOpen(opened, "change", item) && (
              <InSight>
                <ItemForm item={item} onEdit={edit} />
              </InSight>
            )}
            {isOpen(opened, "split", item) && <SplitForm item={item} taken={ids} onEdit={edit} onLeave={leave} />}
          </li>
        ))}
      </ul>
    </Card>
  );
}

const isOpen = (opened: Opened, form: "change" | "split", { id }: WorkItem): boolean =>
  opened?.form === form && opened.id === id;

interface OpenProps {
  form: "change" | "split";
  name: string;
  item: WorkItem;
  opened: Opened;
  onOpen: (opened: Opened) => void;
}

function Open({ form, name, item, opened, onOpen }: OpenProps) {
  const open = isOpen(opened, form, item);
  return (
    <Button
      aria-expanded={open}
      aria-label={`${name} ${item.id}`}
      onClick={() => onOpen(open ? undefined : { form, id: item.id })}
    >
      {name}
    </Button>
  );
}

/** A form that was opened from the graph, which may be far above. */
function InSight({ children }: { children: React.ReactNode }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => void ref.current?.scrollIntoView({ block: "nearest" }), []);
  return <div ref={ref}>{children}</div>;
}
