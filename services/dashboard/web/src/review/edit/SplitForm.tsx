import { useState } from "react";

import type { Edit } from "../../gen/assent/plan/v1/edit_pb";
import type { WorkItem } from "../../gen/assent/plan/v1/plan_pb";
import { Button } from "../../ui/parts";
import { EditForm } from "./EditForm";
import { splitting } from "./edits";
import { ItemFields } from "./ItemFields";
import { freeId, itemFrom, type ItemTexts, problemIn, textsOf } from "./texts";

interface Props {
  item: WorkItem;
  taken: string[];
  onEdit: (edit: Edit) => void;
  onLeave: () => void;
}

/** A form that puts several items in the place of one. They begin as copies of it; the first keeps its id. */
export function SplitForm({ item, taken, onEdit, onLeave }: Props) {
  const [parts, setParts] = useState<ItemTexts[]>(() => [textsOf(item), copy(item, taken)]);
  const others = taken.filter((id) => id !== item.id);
  const problems = parts.map((part, place) => {
    const beside = parts.filter((_, other) => other !== place).map(({ id }) => id);
    const problem = problemIn(part, [...others, ...beside]);
    return problem === "" ? "" : `Part ${place + 1}: ${problem}`;
  });
  const problem = problems.find((one) => one !== "") ?? "";
  const set = (place: number, texts: ItemTexts) => setParts((before) => before.map((one, other) => (other === place ? texts : one)));
  const more = () => setParts((before) => [...before, copy(item, [...taken, ...before.map(({ id }) => id)])]);
  return (
    <EditForm
      edit={problem === "" ? splitting(item.id, parts.map((part) => itemFrom(part, item))) : undefined}
      problem={problem}
      onEdit={onEdit}
      onLeave={onLeave}
    >
      {parts.map((part, place) => (
        <fieldset key={place} className="mt-3 border-t border-line pt-2">
          <legend className="font-semibold">Part {place + 1}</legend>
          <ItemFields texts={part} onChange={(texts) => set(place, texts)} withId />
        </fieldset>
      ))}
      <div className="mt-3 flex gap-2">
        <Button onClick={more}>One more part</Button>
        {parts.length > 2 && <Button onClick={() => setParts((before) => before.slice(0, -1))}>Without the last part</Button>}
      </div>
    </EditForm>
  );
}

const copy = (item: WorkItem, taken: readonly string[]): ItemTexts => ({ ...textsOf(item), id: freeId(item.id, taken) });
