import { type FormEvent, type ReactNode, useState } from "react";

import { problemOf } from "../../api/problem";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { shortCode } from "../../text/format";
import { Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Button, Failure } from "../../ui/parts";

interface Props {
  title: string;
  name: string;
  grave?: boolean;
  /** Asks for the short code of this version. */
  code?: PlanReviewSession | undefined;
  pending: boolean;
  error: unknown;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** The frame of everything that a person decides: nothing is sent before the form is complete. */
export function ActForm({ title, name, grave = false, code, pending, error, onSubmit, onClose, children }: Props) {
  const [typed, setTyped] = useState("");
  const wanted = code === undefined ? "" : shortCode(code.digest);
  const complete = typed.trim().toLowerCase() === wanted;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (complete && !pending) onSubmit();
  };
  const moved = error !== null && problemOf(error).reason === "VERSION_CONFLICT";
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-3">
        {children}
        {code !== undefined && (
          <TextField
            label={`Type ${wanted}, the code of version ${code.currentVersion}, to show what you decide on`}
            autoComplete="off"
            spellCheck={false}
            required
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
        {error !== null && <Failure error={error} />}
        {moved && <p>The plan changed while you looked. Close this form and look at the version that is current now.</p>}
        <div className="flex flex-wrap gap-2">
          <button type="submit" className={`button ${grave ? "button-grave" : "button-main"}`} disabled={!complete || pending}>
            {name}
          </button>
          <Button onClick={onClose}>Close</Button>
        </div>
      </form>
    </Dialog>
  );
}
