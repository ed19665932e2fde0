import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { type Clients, useClients } from "../api/clients";
import type { Plan } from "../gen/assent/plan/v1/plan_pb";
import {
  type CheckPolicyResponse,
  type PolicyDiagnostic,
  PolicyDiagnosticSeverity,
  type ReplayPolicyResponse,
} from "../gen/assent/risk/v1/risk_service_pb";
import { words } from "../text/format";
import { Visible } from "../text/Visible";
import { TextArea } from "../ui/Field";
import { Badge, Card, Failure, Nothing, RiskBadge, Waiting } from "../ui/parts";

/** How many of the newest plans a policy is tried on. */
const PLANS = 25;

export function PolicyPage() {
  const { risk } = useClients();
  const policy = useQuery({ queryKey: ["policy"], queryFn: ({ signal }) => risk.getPolicy({}, { signal }) });
  return (
    <>
      <h1 className="mb-3">Policy</h1>
      {policy.error !== null && <Failure error={policy.error} retry={() => void policy.refetch()} />}
      {policy.isPending && <Waiting what="the policy" />}
      {policy.data !== undefined && (
        <div className="flex flex-col gap-4">
          <Card title={`Rules in force (${policy.data.rules.length})`}>
            <p className="mb-2">
              Digest <code>{policy.data.digest.slice(0, 12)}</code>
            </p>
            <Diagnostics title="A newer policy was refused" list={policy.data.refused} />
            <ul className="flex flex-wrap gap-2">
              {policy.data.rules.map((rule) => (
                <li key={rule}>
                  <code className="rounded bg-raised px-1">{rule}</code>
                </li>
              ))}
            </ul>
          </Card>
          <Trial text={policy.data.text} />
        </div>
      )}
    </>
  );
}

interface Tried {
  check: CheckPolicyResponse;
  /** None when the text is no usable policy, or there is no plan to try it on. */
  replay: ReplayPolicyResponse | undefined;
}

async function tryOut({ risk, approval }: Clients, text: string): Promise<Tried> {
  const check = await risk.checkPolicy({ text });
  if (!check.usable) return { check, replay: undefined };
  const { sessions } = await approval.listSessions({ pageSize: PLANS });
  const whole = await Promise.all(sessions.map(({ id }) => approval.getSession({ sessionId: id, briefVersions: true })));
  const plans = whole.map(({ session }) => session?.plan).filter((plan): plan is Plan => plan !== undefined);
  return { check, replay: plans.length === 0 ? undefined : await risk.replayPolicy({ text, plans }) };
}

function Trial({ text: inForce }: { text: string }) {
  const clients = useClients();
  const [text, setText] = useState(inForce);
  const trial = useMutation({ mutationFn: (changed: string) => tryOut(clients, changed) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    trial.mutate(text);
  };
  return (
    <Card title="Try a change">
      <form onSubmit={submit} className="flex flex-col gap-3">
        <TextArea
          label="Policy (YAML)"
          rows={18}
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
          hint={`Checked, and tried on the newest ${PLANS} plans. The policy in force stays: it is changed where it is configured.`}
        />
        <div>
          <button type="submit" className="button button-main" disabled={trial.isPending}>
            Try it
          </button>
        </div>
      </form>
      {trial.error !== null && <Failure error={trial.error} />}
      {trial.data !== undefined && <Outcome tried={trial.data} />}
    </Card>
  );
}

function Outcome({ tried: { check, replay } }: { tried: Tried }) {
  return (
    <div role="status" className="mt-3">
      <p className="mb-2">
        {check.usable ? <Badge tone="good">Can be used</Badge> : <Badge tone="bad">Cannot be used</Badge>}
      </p>
      <Diagnostics title="What was found" list={check.diagnostics} />
      {check.usable && replay === undefined && <Nothing>There is no plan to try it on.</Nothing>}
      {replay?.summary !== undefined && (
        <>
          <p>
            Of {replay.summary.plans} plans, {replay.summary.raised} would be riskier, {replay.summary.lowered} less risky, and{" "}
            {replay.summary.requirementChanged} would need other approvals. {replay.summary.newlyAutoApprovable} more could be approved
            without a person.
          </p>
          <ul aria-label="Plans that change" className="mt-2 flex flex-col gap-2">
            {replay.changes.map((change) => (
              <li key={change.plan} className="flex flex-wrap items-center gap-2">
                <RiskBadge level={change.fromLevel} /> → <RiskBadge level={change.toLevel} />
                <Visible text={change.goal} />
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Diagnostics({ title, list }: { title: string; list: PolicyDiagnostic[] }) {
  if (list.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul className="mb-2 ml-5 list-disc">
        {list.map(({ severity, line, column, rule, message }, index) => (
          <li key={index}>
            {words(PolicyDiagnosticSeverity, severity)} at {line}:{column}
            {rule !== "" && ` in ${rule}`}: <Visible text={message} />
          </li>
        ))}
      </ul>
    </>
  );
}
