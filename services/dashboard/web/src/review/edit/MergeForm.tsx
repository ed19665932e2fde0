import { useState } from "react";

import type { Edit } from "../../gen/assent/plan/v1/edit_pb";
import type { WorkItem } from "../../gen/assent/plan/v1/plan_pb";
import { EditForm } from "./EditForm";
import { merging } from "./edits";
import { ItemFields } from "./ItemFields";
import { itemFrom, type ItemTexts, problemIn, textsOf } from "./texts";

interface Props {
  /** At least two. */
  items: readonly WorkItem[];
  taken: string[];
  onEdit: (edit: Edit) => void;
  onLeave: () => void;
}

/** A form that puts one item in the place of several. It begins as the first of them, with the names of all. */
export function MergeForm({ items, taken, onEdit, onLeave }: Props) {
  const ids = items.map(({ id }) => id);
  const [first] = items;
  const [texts, setTexts] = useState<ItemTexts>(() => whole(items));
  const problem = problemIn(texts, taken.filter((id) => !ids.includes(id)));
  return (
    <EditForm
      edit={problem === "" ? merging(ids, itemFrom(texts, first)) : undefined}
      problem={problem}
      onEdit={onEdit}
      onLeave={onLeave}
    >
      <p>
        One item in the place of {ids.join(", ")}. It waits for whatever they waited for, and what waited for one of them waits for it.
      </p>
      <ItemFields texts={texts} onChange={setTexts} withId />
    </EditForm>
  );
}

function whole(items: readonly WorkItem[]): ItemTexts {
  const [first] = items;
  if (first === undefined) throw new Error("nothing to merge");
  const joined = (of: (item: WorkItem) => string) => items.map(of).filter((text) => text !== "").join("; ");
  return { ...textsOf(first), name: joined(({ name }) => name).slice(0, 256), description: joined(({ description }) => description) };
}
