import { type FormEvent, useState } from "react";

import { conflictsOf } from "../../api/problem";
import { DependencyType, type Plan } from "../../gen/assent/plan/v1/plan_pb";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { Visible } from "../../text/Visible";
import { Select, TextField } from "../../ui/Field";
import { Button, Card, Failure, Nothing } from "../../ui/parts";
import { isOpen } from "../states";
import { Differences } from "../versions/Versions";
import { Conflicts } from "./Conflicts";
import { addedEdge, editText, moved, removal, removedEdge } from "./edits";
import { ItemForm } from "./ItemForm";
import { type Draft, useDraft } from "./useDraft";

export function EditView({ session }: { session: PlanReviewSession }) {
  const draft = useDraft(session);
  if (!isOpen(session.state)) return <Nothing>This review is closed, so its plan stays as it is.</Nothing>;
  const { plan } = draft;
  if (plan === undefined) return <Nothing>The session has no plan.</Nothing>;
  return (
    <div className="flex flex-col gap-4">
      <Pending draft={draft} session={session} />
      <Items draft={draft} plan={plan} />
      <Edges draft={draft} plan={plan} />
    </div>
  );
}

function Pending({ draft, session }: { draft: Draft; session: PlanReviewSession }) {
  const [why, setWhy] = useState("");
  const { edits, base, refusal, saveError } = draft;
  const problem = saveError ?? refusal;
  const conflicts = conflictsOf(problem);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    draft.save(why);
  };
  return (
    <Card title={edits.length === 0 ? `Edit version ${base}` : `Edits of version ${base} (${edits.length})`}>
      {session.currentVersion !== base && (
        <p role="status" className="mb-2 text-high">
          Somebody made version {session.currentVersion} meanwhile. What does not overlap is put together.{" "}
          {edits.length === 0 && <Button onClick={draft.restart}>Edit version {session.currentVersion}</Button>}
        </p>
      )}
      {edits.length === 0 ? (
        <p className="text-soft">
          Change something below. Nothing is saved before you say so; a new version may dismiss votes that were given.
        </p>
      ) : (
        <>
          <ol aria-label="Edits" className="mb-2 ml-5 list-decimal">
            {edits.map((edit, index) => (
              <li key={index}>
                <Visible text={editText(edit)} />
              </li>
            ))}
          </ol>
          <Button onClick={draft.undo}>Undo the last</Button>
          {draft.preview?.comparison !== undefined && (
            <div className="my-3">
              <h3>What would change</h3>
              <Differences comparison={draft.preview.comparison} />
            </div>
          )}
          {conflicts !== undefined ? (
            <Conflicts conflicts={conflicts} onMine={() => draft.rebase(conflicts.headVersion)} onTheirs={draft.restart} />
          ) : (
            problem !== null && <Failure error={problem} />
          )}
          <form onSubmit={submit} className="mt-3 flex flex-wrap items-end gap-2">
            <TextField label="Why" maxLength={4096} value={why} onChange={(event) => setWhy(event.target.value)} />
            <button type="submit" className="button button-main" disabled={draft.saving || draft.preview === undefined}>
              Save as a new version
            </button>
          </form>
        </>
      )}
    </Card>
  );
}

function Items({ draft, plan }: { draft: Draft; plan: Plan }) {
  const [open, setOpen] = useState<string>();
  const ids = plan.items.map(({ id }) => id);
  return (
    <Card title="Items">
      <ul className="flex flex-col gap-2">
        {plan.items.map((item, index) => (
          <li key={item.id} className="border-b border-line pb-2">
            <div className="flex flex-wrap items-center gap-2">
              <strong className="mr-auto">
                <Visible text={item.name} /> <code className="font-normal text-soft">{item.id}</code>
              </strong>
              <Button aria-expanded={open === item.id} aria-label={`Change ${item.id}`} onClick={() => setOpen(open === item.id ? undefined : item.id)}>
                Change
              </Button>
              <Button disabled={index === 0} aria-label={`Move ${item.id} up`} onClick={() => draft.add(moved(ids, item.id, -1))}>
                ↑
              </Button>
              <Button
                disabled={index === ids.length - 1}
                aria-label={`Move ${item.id} down`}
                onClick={() => draft.add(moved(ids, item.id, 1))}
              >
                ↓
              </Button>
              <Button tone="grave" aria-label={`Remove ${item.id}`} onClick={() => draft.add(removal(item.id))}>
                Remove
              </Button>
            </div>
            {open === item.id && (
              <ItemForm
                item={item}
                onEdit={(edit) => {
                  draft.add(edit);
                  setOpen(undefined);
                }}
              />
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}

const TYPES = [
  [String(DependencyType.DEPENDENCY), "needs it"],
  [String(DependencyType.DATA), "uses its outputs"],
  [String(DependencyType.SOFT), "only comes after it"],
] as const;

function Edges({ draft, plan }: { draft: Draft; plan: Plan }) {
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
              onClick={() => draft.add(removedEdge(edge.from, edge.to))}
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
        <Button disabled={from === "" || to === "" || from === to} onClick={() => draft.add(addedEdge(from, to, Number(type)))}>
          Add
        </Button>
      </div>
    </Card>
  );
}
