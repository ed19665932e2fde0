import { type FormEvent, useState } from "react";

import { conflictsOf } from "../../api/problem";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { Visible } from "../../text/Visible";
import { TextField } from "../../ui/Field";
import { Button, Card, Failure } from "../../ui/parts";
import { Differences } from "../versions/Differences";
import { Conflicts } from "./Conflicts";
import { editText } from "./edits";
import type { Draft } from "./useDraft";

/** The edits that are not saved, and what they would make of the plan. */
export function Pending({ draft, session }: { draft: Draft; session: PlanReviewSession }) {
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
