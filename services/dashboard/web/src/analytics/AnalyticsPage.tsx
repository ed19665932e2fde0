import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useClients } from "../api/clients";
import { PlanReviewState } from "../gen/assent/review/v1/session_pb";
import { DECIDED } from "../queue/filters";
import { Link } from "../router/router";
import { span, words } from "../text/format";
import { Visible } from "../text/Visible";
import { Card, Facts, Failure, Nothing, RiskBadge, Waiting } from "../ui/parts";
import { type Figures, figuresOf, HASTY } from "./figures";

/** How many decisions the figures are about: lists leave decisions out, so each session is read. */
const NEWEST = 100;

export function AnalyticsPage() {
  const { approval } = useClients();
  const figures = useQuery({
    queryKey: ["figures"],
    queryFn: async ({ signal }) => {
      const page = await approval.listSessions({ pageSize: NEWEST, states: [...DECIDED] }, { signal });
      const read = (sessionId: string) => approval.getSession({ sessionId, briefVersions: true }, { signal });
      const whole = await Promise.all(page.sessions.map(({ id }) => read(id)));
      return figuresOf(whole.flatMap(({ session }) => session ?? []));
    },
  });
  return (
    <>
      <h1 className="mb-3">How decisions are made</h1>
      {figures.error !== null && <Failure error={figures.error} retry={() => void figures.refetch()} />}
      {figures.isPending && <Waiting what="decisions" />}
      {figures.data !== undefined &&
        (figures.data.decided === 0 ? <Nothing>Nothing has been decided yet.</Nothing> : <Shown figures={figures.data} />)}
    </>
  );
}

function Shown({ figures }: { figures: Figures }) {
  const { decided, outcomes, approvalRate, automatic, medianByRisk, hasty, emergencies } = figures;
  const longest = Math.max(1, ...medianByRisk.map(([, time]) => time));
  return (
    <div className="grid gap-4 md:grid-cols-2">
      <Card title={`The newest ${decided} decisions`}>
        <Facts
          facts={[
            ["Approved by people", approvalRate === undefined ? "–" : `${Math.round(approvalRate * 100)} % of what they decided`],
            ["Without a person", String(automatic)],
            ["In an emergency", String(emergencies)],
          ]}
        />
      </Card>
      <Card title="How they ended">
        {outcomes.map(([state, count]) => (
          <Bar key={state} name={words(PlanReviewState, state)} value={count} most={decided} text={String(count)} />
        ))}
      </Card>
      <Card title="Time to decide (median, people only)">
        {medianByRisk.map(([level, time, count]) => (
          <Bar key={level} name={<RiskBadge level={level} />} value={time} most={longest} text={`${span(time)} (${count})`} />
        ))}
      </Card>
      <Card title="Worth a second look">
        {hasty.length === 0 ? (
          <Nothing>No plan of high or critical risk was approved within {span(HASTY)}.</Nothing>
        ) : (
          <>
            <p className="mb-2">High or critical risk, and approved within {span(HASTY)} of being submitted:</p>
            <ul className="ml-5 list-disc">
              {hasty.map(({ id, plan, decision }) => (
                <li key={id}>
                  <Link href={`/sessions/${id}`}>
                    <Visible text={plan?.goal ?? id} />
                  </Link>{" "}
                  by <Visible text={decision?.decidedBy?.id ?? ""} />
                </li>
              ))}
            </ul>
          </>
        )}
      </Card>
    </div>
  );
}

function Bar({ name, value, most, text }: { name: ReactNode; value: number; most: number; text: string }) {
  return (
    <div className="mb-2 grid grid-cols-[10rem_1fr_auto] items-center gap-2">
      <span>{name}</span>
      {/* The number stands beside it; the bar is for the eye. */}
      <meter aria-hidden="true" className="w-full" min={0} max={most} value={value} />
      <span className="tabular-nums">{text}</span>
    </div>
  );
}
