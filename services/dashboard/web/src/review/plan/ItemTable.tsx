import type { Plan, RiskLevel } from "../../gen/assent/plan/v1/plan_pb";
import { Visible } from "../../text/Visible";
import { Badge, RiskBadge, TableHead } from "../../ui/parts";
import { isIrreversible } from "./covered";

export interface PlanProps {
  plan: Plan;
  levelOf: (itemId: string) => RiskLevel;
  selected: string | undefined;
  onSelect: (itemId: string) => void;
}

/** The same as the graph, for those who would rather read. */
export function ItemTable({ plan, levelOf, selected, onSelect }: PlanProps) {
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Work items">
      <table className="w-full border-collapse">
        <TableHead names={["Item", "Tool", "Risk", "Needs", "Undo"]} />
        <tbody>
          {plan.items.map((item) => (
            <tr key={item.id} className={`border-b border-line ${item.id === selected ? "bg-raised" : ""}`}>
              <th scope="row" className="p-2">
                <button
                  type="button"
                  className="cursor-pointer text-left text-accent underline"
                  aria-pressed={item.id === selected}
                  onClick={() => onSelect(item.id)}
                >
                  <Visible text={item.name} />
                </button>
                <code className="block font-normal text-soft">{item.id}</code>
              </th>
              <td className="p-2">
                <code>
                  <Visible text={item.tool} />
                </code>
              </td>
              <td className="p-2">
                <RiskBadge level={levelOf(item.id)} />
              </td>
              <td className="p-2">
                <code>{plan.dependencies.filter(({ to }) => to === item.id).map(({ from }) => from).join(", ")}</code>
              </td>
              <td className="p-2">
                {isIrreversible(item) ? <Badge tone="bad">Cannot be undone</Badge> : item.rollback?.tool ?? ""}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
