// What the address says about the queue, and what follows from it. Pure.
import { RiskLevel } from "../gen/assent/plan/v1/plan_pb";
import { SessionOrder } from "../gen/assent/approval/v1/approval_service_pb";
import { ApprovalPriority, type PlanReviewSession, PlanReviewState } from "../gen/assent/review/v1/session_pb";
import { millis } from "../text/format";

export const VIEWS = [
  ["mine", "Waiting for you"],
  ["open", "Open"],
  ["recent", "Decided"],
] as const;
export type View = (typeof VIEWS)[number][0];

export const ORDERS = [
  ["", "Newest first"],
  ["oldest", "Oldest first"],
  ["deadline", "Deadline first"],
  ["risk", "Highest risk first"],
  ["priority", "Most urgent first"],
] as const;
export type Order = (typeof ORDERS)[number][0];

export interface Filters {
  view: View;
  text: string;
  risk: RiskLevel;
  priority: ApprovalPriority;
  order: Order;
}

export const OPEN = [
  PlanReviewState.PENDING,
  PlanReviewState.IN_REVIEW,
  PlanReviewState.MODIFICATION_REQUESTED,
] as const;
export const DECIDED = [
  PlanReviewState.APPROVED,
  PlanReviewState.PARTIALLY_APPROVED,
  PlanReviewState.REJECTED,
  PlanReviewState.TIMED_OUT,
  PlanReviewState.CANCELLED,
] as const;

export function readFilters(search: URLSearchParams): Filters {
  const one = <T extends string>(all: readonly (readonly [T, string])[], name: string, otherwise: T): T =>
    all.find(([value]) => value === search.get(name))?.[0] ?? otherwise;
  return {
    view: one(VIEWS, "view", "mine"),
    text: search.get("q") ?? "",
    risk: byName(RiskLevel, search.get("risk")),
    priority: byName(ApprovalPriority, search.get("priority")),
    order: one(ORDERS, "sort", ""),
  };
}

function byName(names: Record<string, string | number>, name: string | null): number {
  const value = names[(name ?? "").toUpperCase()];
  return typeof value === "number" ? value : 0;
}

/** The order in which the server is asked; what it does not know is sorted here. */
export function serverOrder(order: Order): SessionOrder {
  if (order === "oldest") return SessionOrder.OLDEST;
  if (order === "deadline") return SessionOrder.DEADLINE;
  return SessionOrder.NEWEST;
}

export function matches(session: PlanReviewSession, { text, risk, priority }: Filters): boolean {
  if (risk !== RiskLevel.UNSPECIFIED && (session.risk?.level ?? RiskLevel.UNSPECIFIED) !== risk) return false;
  if (priority !== ApprovalPriority.UNSPECIFIED && session.priority !== priority) return false;
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return true;
  const fields = [session.plan?.goal, session.id, session.requester?.id, session.onBehalfOf, session.reviewerMessage];
  return fields.some((field) => field?.toLowerCase().includes(wanted));
}

/** A sorted copy. Sessions that are equal in the order asked for keep that of the list. */
export function sorted<T>(rows: T[], order: Order, of: (row: T) => PlanReviewSession): T[] {
  const key: Record<Order, (session: PlanReviewSession) => number> = {
    "": (session) => -(millis(session.createTime) ?? 0),
    oldest: (session) => millis(session.createTime) ?? 0,
    deadline: (session) => millis(session.expireTime) ?? Number.MAX_SAFE_INTEGER,
    risk: (session) => -(session.risk?.level ?? RiskLevel.CRITICAL + 1),
    priority: (session) => -(session.priority || ApprovalPriority.NORMAL),
  };
  return [...rows].sort((a, b) => key[order](of(a)) - key[order](of(b)));
}
