import type { FormEvent, ReactNode } from "react";

import type { Edit } from "../../gen/assent/plan/v1/edit_pb";
import { Button } from "../../ui/parts";

interface Props {
  /** What the form makes; nothing while something is wrong. */
  edit: Edit | undefined;
  problem: string;
  onEdit: (edit: Edit) => void;
  onLeave?: (() => void) | undefined;
  children: ReactNode;
}

/** The frame of each form that makes an edit. */
export function EditForm({ edit, problem, onEdit, onLeave, children }: Props) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (edit !== undefined) onEdit(edit);
  };
  return (
    <form onSubmit={submit}>
      {children}
      {problem !== "" && (
        <p role="alert" className="mt-2 text-critical">
          {problem}
        </p>
      )}
      <div className="mt-3 flex gap-2">
        <button type="submit" className="button button-main" disabled={edit === undefined}>
          Take over
        </button>
        {onLeave !== undefined && <Button onClick={onLeave}>Leave it</Button>}
      </div>
    </form>
  );
}
