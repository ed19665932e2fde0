import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { screen } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { expect, test } from "vitest";

import { ApprovalService } from "../../gen/assent/approval/v1/approval_service_pb";
import { ExplainDecisionResponseSchema } from "../../gen/assent/approval/v1/explanation_pb";
import { RiskLevel } from "../../gen/assent/plan/v1/plan_pb";
import { PlanReviewSessionSchema, PlanReviewState } from "../../gen/assent/review/v1/session_pb";
import { LEAD, renderOver } from "../../test/render";
import { ActPanel } from "./ActPanel";

const DIGEST = "3d9ecd5550d2f58675e7cb36645c73fe5d750c1a6d72415330f5c18613d7b99f";
const session = (level: RiskLevel, state = PlanReviewState.PENDING) =>
  create(PlanReviewSessionSchema, {
    id: "ses_1",
    state,
    currentVersion: 2,
    digest: DIGEST,
    risk: { level },
    plan: { items: [{ id: "a", name: "A" }, { id: "b", name: "B" }], dependencies: [{ from: "a", to: "b" }] },
  });
const eligible = create(ExplainDecisionResponseSchema, { eligible: [{ userId: LEAD.id, countsFor: ["quorum"] }] });

interface Sent {
  version: number;
  digest: string;
  items: string[];
}

function shown(level: RiskLevel, refuse = false): Sent[] {
  const sent: Sent[] = [];
  renderOver(
    (router) =>
      router.service(ApprovalService, {
        approve: ({ version, digest, items }) => {
          sent.push({ version, digest, items });
          if (refuse) throw new ConnectError("the current version is 3", Code.Aborted);
          return {};
        },
      }),
    <ActPanel session={session(level)} explanation={eligible} />,
  );
  return sent;
}

test("a vote sends the version and digest that were shown", async () => {
  const sent = shown(RiskLevel.LOW);
  await userEvent.click(screen.getByRole("button", { name: "Approve …" }));
  expect(screen.queryByLabelText(/^Type /)).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Approve the whole plan" }));
  expect(sent).toEqual([{ version: 2, digest: DIGEST, items: [] }]);
});

test.each([RiskLevel.HIGH, RiskLevel.CRITICAL, RiskLevel.UNSPECIFIED])("at level %i nothing is sent without the code", async (level) => {
  const sent = shown(level);
  await userEvent.click(screen.getByRole("button", { name: "Approve …" }));
  const approve = screen.getByRole("button", { name: "Approve the whole plan" });
  await userEvent.type(screen.getByLabelText(/^Type 3d9ecd,/), "3d9ec{Enter}");
  await userEvent.click(approve);
  expect(sent).toEqual([]);
  await userEvent.type(screen.getByLabelText(/^Type 3d9ecd,/), "d{Enter}");
  expect(sent).toHaveLength(1);
});

test("items that cannot run without a rejected one are told before, and the refusal is shown", async () => {
  const sent = shown(RiskLevel.MEDIUM, true);
  await userEvent.click(screen.getByRole("button", { name: "Approve …" }));
  await userEvent.click(screen.getByText("Approve some items only"));
  await userEvent.click(screen.getByRole("checkbox", { name: "A" }));
  expect(screen.getByText("is skipped: it needs an item that is not approved")).toBeDefined();
  // Nothing would run, so there is nothing to approve.
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Approve 0 of 2 items" }).disabled).toBe(true);
  await userEvent.click(screen.getByRole("checkbox", { name: "A" }));
  await userEvent.click(screen.getByRole("checkbox", { name: "B" }));
  await userEvent.click(screen.getByRole("button", { name: "Approve 1 of 2 items" }));
  expect(sent[0]?.items).toEqual(["a"]);
  expect((await screen.findByRole("alert")).textContent).toContain("the current version is 3");
});

test("whoever may not approve is not offered it, and is told why", () => {
  const excluded = create(ExplainDecisionResponseSchema, {
    excluded: [{ userId: LEAD.id, reason: "AUTHOR", message: "lead made version 2 of this plan" }],
  });
  renderOver(() => undefined, <ActPanel session={session(RiskLevel.HIGH)} explanation={excluded} />);
  expect(screen.queryByRole("button", { name: "Approve …" })).toBeNull();
  expect(screen.getByText(/You cannot approve: lead made version 2/)).toBeDefined();
  // An emergency is for administrators.
  expect(screen.queryByRole("button", { name: "Emergency …" })).toBeNull();
});

test("a closed review offers nothing", () => {
  renderOver(() => undefined, <ActPanel session={session(RiskLevel.LOW, PlanReviewState.REJECTED)} explanation={eligible} />);
  expect(screen.getByText("Nothing is left to do here.")).toBeDefined();
  expect(screen.queryByRole("button")).toBeNull();
});
