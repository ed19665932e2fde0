// The small parts that every page is made of.
import { type ButtonHTMLAttributes, type ReactNode, useId } from "react";

import { problemOf } from "../api/problem";
import { RiskLevel } from "../gen/assent/plan/v1/plan_pb";
import { Visible } from "../text/Visible";

const RISK = {
  [RiskLevel.UNSPECIFIED]: ["Risk unknown", "bg-critical-ground text-critical"],
  [RiskLevel.LOW]: ["Low risk", "bg-low-ground text-low"],
  [RiskLevel.MEDIUM]: ["Medium risk", "bg-medium-ground text-medium"],
  [RiskLevel.HIGH]: ["High risk", "bg-high-ground text-high"],
  [RiskLevel.CRITICAL]: ["Critical risk", "bg-critical-ground text-critical"],
} as const;

export function RiskBadge({ level }: { level: RiskLevel | undefined }) {
  const [name, colours] = RISK[level ?? RiskLevel.UNSPECIFIED] ?? RISK[RiskLevel.UNSPECIFIED];
  return <span className={`badge ${colours}`}>{name}</span>;
}

export function Badge({ children, tone = "quiet" }: { children: ReactNode; tone?: Tone }) {
  return <span className={`badge ${TONES[tone]}`}>{children}</span>;
}

export type Tone = "quiet" | "good" | "wait" | "bad";
const TONES: Record<Tone, string> = {
  quiet: "bg-raised text-text",
  good: "bg-low-ground text-low",
  wait: "bg-medium-ground text-medium",
  bad: "bg-critical-ground text-critical",
};

export function Button({
  tone = "plain",
  className = "",
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { tone?: "plain" | "main" | "grave" }) {
  const look = { plain: "", main: "button-main", grave: "button-grave" }[tone];
  return <button type="button" className={`button ${look} ${className}`} {...rest} />;
}

export function Card({ title, actions, children }: { title: ReactNode; actions?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section className="card p-4" aria-labelledby={id}>
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <h2 id={id}>{title}</h2>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** Says what went wrong, in the service's words. */
export function Failure({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const { reason, message, violations } = problemOf(error);
  return (
    <div role="alert" className="rounded-md border border-critical bg-critical-ground p-3 text-critical">
      <p>
        <Visible text={message} />
        {reason !== "" && <span className="ml-2 font-mono text-sm">{reason}</span>}
      </p>
      {violations.length > 0 && (
        <ul className="ml-5 list-disc">
          {violations.map(({ field, description }) => (
            <li key={field + description}>
              <code>{field}</code>: <Visible text={description} />
            </li>
          ))}
        </ul>
      )}
      {retry !== undefined && (
        <Button className="mt-2" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function Waiting({ what }: { what: string }) {
  return (
    <p role="status" className="p-4 text-soft">
      Loading {what} …
    </p>
  );
}

export function Nothing({ children }: { children: ReactNode }) {
  return <p className="p-4 text-soft">{children}</p>;
}

export function Facts({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className="grid grid-cols-[max-content_1fr] gap-x-4 gap-y-1 max-sm:grid-cols-1">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-soft">{name}</dt>
          <dd className="min-w-0 break-words max-sm:mb-1">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function TableHead({ names }: { names: string[] }) {
  return (
    <thead>
      <tr className="border-b border-line">
        {names.map((name) => (
          <th key={name} scope="col" className="p-2">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
