import type { Plan } from "../../gen/assent/plan/v1/plan_pb";
import { Visible } from "../../text/Visible";
import { Button } from "../../ui/parts";

interface Props {
  plan: Plan;
  chosen: ReadonlySet<string>;
  /** Chosen, and cannot run without one that was not. */
  skipped: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
}

export function ItemChoice({ plan, chosen, skipped, onChange }: Props) {
  const turn = (id: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(id);
    else next.delete(id);
    onChange(next);
  };
  return (
    <fieldset className="mt-2">
      <legend className="sr-only">Items to approve</legend>
      <div className="mb-2 flex gap-2">
        <Button onClick={() => onChange(new Set(plan.items.map(({ id }) => id)))}>All</Button>
        <Button onClick={() => onChange(new Set())}>None</Button>
      </div>
      <ul className="max-h-64 overflow-y-auto">
        {plan.items.map(({ id, name }) => (
          <li key={id}>
            <label className="flex items-start gap-2 py-1">
              <input type="checkbox" className="mt-1" checked={chosen.has(id)} onChange={(event) => turn(id, event.target.checked)} />
              <span>
                <Visible text={name} />
                {skipped.has(id) && <span className="block text-sm text-high">is skipped: it needs an item that is not approved</span>}
              </span>
            </label>
          </li>
        ))}
      </ul>
      <p role="status" className="text-sm">
        {chosen.size - skipped.size} of {plan.items.length} would run
        {skipped.size > 0 && `, ${skipped.size} would be skipped`}
      </p>
    </fieldset>
  );
}
