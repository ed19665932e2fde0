import {
  type ExplainDecisionResponse,
  StageState,
  type Threshold,
  type VoteStanding,
} from "../gen/assent/approval/v1/explanation_pb";
import { type DismissedVote, type PlanReviewSession, VoteChoice } from "../gen/assent/review/v1/session_pb";
import { moment, words } from "../text/format";
import { Visible } from "../text/Visible";
import { Badge, Card } from "../ui/parts";
import { conditionText } from "./conditions";

/** Who must still sign, and why: in the words of the service that decides. */
export function DecisionCard({ explanation, session }: { explanation: ExplainDecisionResponse; session: PlanReviewSession }) {
  const { summary, quorum, stages, votes, excluded, conditions, openConcerns } = explanation;
  const { decision } = session;
  return (
    <Card title="Where the decision stands">
      <ul className="mb-3 flex flex-col gap-1">
        {summary.map((sentence) => (
          <li key={sentence}>
            <Visible text={sentence} />
          </li>
        ))}
      </ul>
      {decision !== undefined && decision.reason !== "" && (
        <p className="mb-3">
          <Visible text={`${decision.decidedBy?.id ?? ""}: ${decision.reason}`} />
        </p>
      )}
      {quorum !== undefined && <Count name="Approvals" threshold={quorum} />}
      {stages.map((stage) => (
        <div key={stage.name} className="mt-2">
          <h3>
            <Visible text={stage.name} /> <Badge tone={stage.state === StageState.MET ? "good" : "quiet"}>{words(StageState, stage.state)}</Badge>
          </h3>
          {stage.missing !== "" && <Visible text={stage.missing} />}
        </div>
      ))}
      {openConcerns.length > 0 && <p className="mt-2">{openConcerns.length} open concerns must be resolved first.</p>}
      {votes.length > 0 && (
        <ul aria-label="Votes" className="mt-3 flex flex-col gap-2 border-t border-line pt-3">
          {votes.map((standing) => (
            <VoteLine key={standing.vote?.id} standing={standing} />
          ))}
        </ul>
      )}
      <Dismissed votes={session.dismissedVotes} />
      {conditions.length > 0 && (
        <ul aria-label="Conditions" className="mt-3 ml-5 list-disc">
          {conditions.map((condition, index) => (
            <li key={index}>
              <Visible text={conditionText(condition)} />
            </li>
          ))}
        </ul>
      )}
      {excluded.length > 0 && (
        <details className="mt-3">
          <summary>Who cannot approve ({excluded.length})</summary>
          <ul className="ml-5 list-disc text-sm">
            {excluded.map(({ userId, message }) => (
              <li key={userId}>
                <Visible text={message || userId} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </Card>
  );
}

function Count({ name, threshold: { needed, given, of } }: { name: string; threshold: Threshold }) {
  return (
    <p>
      {name}: <strong>{given} of {needed}</strong>
      {of !== "" && (
        <span className="text-soft">
          {", "}
          <Visible text={of} />
        </span>
      )}
    </p>
  );
}

function VoteLine({ standing: { vote, countsFor, whyNot } }: { standing: VoteStanding }) {
  if (vote === undefined) return null;
  const approves = vote.choice === VoteChoice.APPROVE;
  return (
    <li>
      <Badge tone={approves ? "good" : "bad"}>{approves ? "Approves" : "Rejects"}</Badge>{" "}
      <Visible text={vote.voter?.id ?? ""} />
      {vote.delegator !== "" && (
        <>
          {" for "}
          <Visible text={vote.delegator} />
        </>
      )}
      {vote.items.length > 0 && ` (${vote.items.length} items)`}
      <span className="block text-sm text-soft">
        {moment(vote.createTime)}
        {countsFor.length > 0 && `, counts for ${countsFor.join(", ")}`}
      </span>
      {vote.reason !== "" && (
        <span className="block">
          <Visible text={vote.reason} lines />
        </span>
      )}
      {whyNot !== "" && (
        <span className="block text-high">
          Does not count: <Visible text={whyNot} />
        </span>
      )}
    </li>
  );
}

function Dismissed({ votes }: { votes: DismissedVote[] }) {
  if (votes.length === 0) return null;
  return (
    <ul aria-label="Votes that do not count any more" className="mt-3 flex flex-col gap-1 text-sm">
      {votes.map(({ vote, message, version }) => (
        <li key={`${vote?.id} ${version}`}>
          <Badge tone="wait">Dismissed</Badge> <Visible text={`${vote?.voter?.id ?? ""}: ${message}`} />
        </li>
      ))}
    </ul>
  );
}
