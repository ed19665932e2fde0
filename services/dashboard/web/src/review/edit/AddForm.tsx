import { useState } from "react";

import type { Edit } from "../../gen/assent/plan/v1/edit_pb";
import { EditForm } from "./EditForm";
import { addition } from "./edits";
import { ItemFields } from "./ItemFields";
import { itemFrom, NO_TEXTS, problemIn } from "./texts";

/** A form for an item that is not there yet; `taken` are the ids of those that are. */
export function AddForm({ taken, onEdit, onLeave }: { taken: string[]; onEdit: (edit: Edit) => void; onLeave: () => void }) {
  const [texts, setTexts] = useState(NO_TEXTS);
  const [after, setAfter] = useState<string[]>([]);
  const problem = problemIn(texts, taken);
  const turn = (id: string) => setAfter((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id]));
  return (
    <EditForm
      edit={problem === "" ? addition(itemFrom(texts), after) : undefined}
      // An empty form is not wrong yet.
      problem={texts.id === "" ? "" : problem}
      onEdit={onEdit}
      onLeave={onLeave}
    >
      <ItemFields texts={texts} onChange={setTexts} withId />
      <fieldset className="mt-3">
        <legend className="text-sm text-soft">Waits for</legend>
        <div className="flex max-h-40 flex-wrap gap-x-4 overflow-y-auto" tabIndex={0}>
          {taken.map((id) => (
            <label key={id} className="flex min-h-6 items-center gap-2">
              <input type="checkbox" checked={after.includes(id)} onChange={() => turn(id)} />
              <code>{id}</code>
            </label>
          ))}
        </div>
      </fieldset>
    </EditForm>
  );
}
