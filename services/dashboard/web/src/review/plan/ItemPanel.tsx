import { type Plan, RiskLevel, type WorkItem, WorkItemType } from "../../gen/assent/plan/v1/plan_pb";
import { CommentScope } from "../../gen/assent/review/v1/comment_pb";
import type { PlanReviewSession } from "../../gen/assent/review/v1/session_pb";
import { setSearch } from "../../router/router";
import { words } from "../../text/format";
import { Visible } from "../../text/Visible";
import { Badge, Button, Card, Facts, RiskBadge } from "../../ui/parts";
import { CommentForm } from "../comments/CommentForm";
import { Threads } from "../comments/Threads";
import { coveredByItem, EDGE_WORDS, isIrreversible } from "./covered";
import { CoveredFields } from "./CoveredFields";

export function ItemPanel({ session, plan, item, level }: { session: PlanReviewSession; plan: Plan; item: WorkItem; level: RiskLevel }) {
  const before = plan.dependencies.filter(({ to }) => to === item.id);
  const after = plan.dependencies.filter(({ from }) => from === item.id);
  const factors = session.risk?.factors.filter(({ itemId }) => itemId === item.id) ?? [];
  const about = session.comments.filter(({ targetItemId, targetEdgeTo }) => targetItemId === item.id && targetEdgeTo === "");
  return (
    <Card
      title={<Visible text={item.name} />}
      actions={<Button onClick={() => setSearch({ item: "" })}>Close the item</Button>}
    >
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <RiskBadge level={level} />
        {isIrreversible(item) && <Badge tone="bad">Point of no return: cannot be undone</Badge>}
      </div>
      <h3 className="mb-1">What is approved: these fields and no others drive the execution</h3>
      <CoveredFields fields={coveredByItem(item)} />
      <ul className="my-2">
        {before.map(({ from, type }) => (
          <li key={from}>
            {EDGE_WORDS[type]} <ItemLink id={from} />
          </li>
        ))}
        {after.map(({ to, type }) => (
          <li key={to}>
            <ItemLink id={to} /> {EDGE_WORDS[type]} this
          </li>
        ))}
      </ul>
      {factors.length > 0 && (
        <>
          <h3 className="mt-3 mb-1">Risks</h3>
          <ul className="ml-5 list-disc">
            {factors.map((factor) => (
              <li key={factor.code + factor.rule}>
                <Visible text={factor.description} />{" "}
                <span className="text-sm text-soft">
                  <Visible text={factor.explanation} />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      <details className="mt-3">
        <summary>For readers only: has no effect</summary>
        <Facts
          facts={[
            ["Description", <Visible key="d" text={item.description || "none"} lines />],
            ["Type", words(WorkItemType, item.type)],
            ["Goal", <Visible key="g" text={item.objective?.goal || "none"} lines />],
            ["Success", <Visible key="s" text={item.objective?.successCriteria.join("\n") || "none"} lines />],
            ["Declared risk", item.declaredRisk === RiskLevel.UNSPECIFIED ? "none" : words(RiskLevel, item.declaredRisk)],
          ]}
        />
      </details>
      <h3 className="mt-4 mb-1">Comments on this item</h3>
      <Threads sessionId={session.id} comments={about} />
      {session.options?.allowWorkItemComments !== false && (
        <CommentForm session={session} scope={CommentScope.WORK_ITEM} targetItemId={item.id} />
      )}
    </Card>
  );
}

function ItemLink({ id }: { id: string }) {
  return (
    <button type="button" className="cursor-pointer text-accent underline" onClick={() => setSearch({ item: id })}>
      <code>{id}</code>
    </button>
  );
}
