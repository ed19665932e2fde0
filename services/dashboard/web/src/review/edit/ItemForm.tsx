import { useState } from "react";

import type { Edit } from "../../gen/assent/plan/v1/edit_pb";
import type { WorkItem } from "../../gen/assent/plan/v1/plan_pb";
import { EditForm } from "./EditForm";
import { updateOf } from "./edits";
import { ItemFields } from "./ItemFields";
import { problemIn, textsOf } from "./texts";

export function ItemForm({ item, onEdit }: { item: WorkItem; onEdit: (edit: Edit) => void }) {
  const [texts, setTexts] = useState(() => textsOf(item));
  const problem = problemIn(texts);
  return (
    <EditForm edit={problem === "" ? updateOf(item, texts) : undefined} problem={problem} onEdit={onEdit}>
      <ItemFields texts={texts} onChange={setTexts} />
    </EditForm>
  );
}
