import { TextArea, TextField } from "../../ui/Field";
import type { ItemTexts } from "./texts";
import { TOOLS } from "./ToolList";

interface Props {
  texts: ItemTexts;
  onChange: (texts: ItemTexts) => void;
  /** Whether the id can be chosen. */
  withId?: boolean;
}

export function ItemFields({ texts, onChange, withId = false }: Props) {
  const field = (name: keyof ItemTexts) => ({
    value: texts[name],
    onChange: ({ target }: { target: { value: string } }) => onChange({ ...texts, [name]: target.value }),
  });
  return (
    <div className="mt-2 grid gap-3 sm:grid-cols-2">
      {withId && <TextField label="Id" required maxLength={64} spellCheck={false} {...field("id")} />}
      <TextField label="Name" required maxLength={256} {...field("name")} />
      <TextField label="Tool" required maxLength={128} list={TOOLS} {...field("tool")} />
      <div className="sm:col-span-2">
        <TextArea label="Arguments (JSON)" rows={8} spellCheck={false} {...field("arguments")} />
      </div>
      <TextField label="Timeout (seconds)" inputMode="numeric" {...field("timeoutSeconds")} />
      <TextField label="Retries" inputMode="numeric" {...field("maxRetries")} />
      <TextField label="Agent type" maxLength={128} {...field("preferredAgentType")} />
      <TextField label="Description" maxLength={16384} {...field("description")} />
    </div>
  );
}
