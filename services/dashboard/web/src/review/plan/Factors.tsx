import type { RiskFactor } from "../../gen/assent/plan/v1/assessment_pb";
import { Visible } from "../../text/Visible";
import { Card, Nothing, RiskBadge } from "../../ui/parts";

/** What can go wrong, the worst first, in the words of the rule that found it. */
export function Factors({ factors, onSelect }: { factors: RiskFactor[]; onSelect?: (itemId: string) => void }) {
  const sorted = [...factors].sort((a, b) => b.severity - a.severity);
  return (
    <Card title={`Risks (${factors.length})`}>
      {sorted.length === 0 && <Nothing>No rule found a risk.</Nothing>}
      <ul className="flex flex-col gap-3">
        {sorted.map((factor) => (
          <li key={`${factor.code} ${factor.itemId} ${factor.rule}`} className="lazy">
            <div className="flex flex-wrap items-center gap-2">
              <RiskBadge level={factor.severity} />
              <code>{factor.code}</code>
              {factor.itemId !== "" &&
                (onSelect === undefined ? (
                  <code>{factor.itemId}</code>
                ) : (
                  <button type="button" className="cursor-pointer text-accent underline" onClick={() => onSelect(factor.itemId)}>
                    item <code>{factor.itemId}</code>
                  </button>
                ))}
            </div>
            <p>
              <Visible text={factor.description} />
            </p>
            {factor.mitigation !== "" && (
              <p className="text-sm">
                Lower it: <Visible text={factor.mitigation} />
              </p>
            )}
            <p className="text-sm text-soft">
              <Visible text={factor.explanation} />
            </p>
          </li>
        ))}
      </ul>
    </Card>
  );
}
