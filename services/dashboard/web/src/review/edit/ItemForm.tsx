import { type FormEvent, useState } from "react";

import type { Edit } from "../../gen/assent/plan/v1/edit_pb";
import type { WorkItem } from "../../gen/assent/plan/v1/plan_pb";
import { TextArea, TextField } from "../../ui/Field";
import { type ItemTexts, problemIn, textsOf, updateOf } from "./edits";

export function ItemForm({ item, onEdit }: { item: WorkItem; onEdit: (edit: Edit) => void }) {
  const [texts, setTexts] = useState<ItemTexts>(() => textsOf(item));
  const field = (name: keyof ItemTexts) => ({
    value: texts[name],
    onChange: ({ target }: { target: { value: string } }) => setTexts((before) => ({ ...before, [name]: target.value })),
  });
  const problem = problemIn(texts);
  const edit = problem === "" ? updateOf(item, texts) : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (edit !== undefined) onEdit(edit);
  };
  return (
    <form onSubmit={submit} className="mt-2 grid gap-3 sm:grid-cols-2">
      <TextField label="Name" required maxLength={256} {...field("name")} />
      <TextField label="Tool" required maxLength={128} {...field("tool")} />
      <div className="sm:col-span-2">
        <TextArea label="Arguments (JSON)" rows={8} spellCheck={false} {...field("arguments")} />
      </div>
      <TextField label="Timeout (seconds)" inputMode="numeric" {...field("timeoutSeconds")} />
      <TextField label="Retries" inputMode="numeric" {...field("maxRetries")} />
      <TextField label="Agent type" maxLength={128} {...field("preferredAgentType")} />
      <TextField label="Description" maxLength={16384} {...field("description")} />
      <div className="sm:col-span-2">
        {problem !== "" && (
          <p role="alert" className="mb-2 text-critical">
            {problem}
          </p>
        )}
        <button type="submit" className="button button-main" disabled={edit === undefined}>
          Take over
        </button>
      </div>
    </form>
  );
}
