import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { screen } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";

import { ApprovalService } from "../gen/assent/approval/v1/approval_service_pb";
import { PlanReviewSessionSchema, PlanReviewState } from "../gen/assent/review/v1/session_pb";
import { renderOver } from "../test/render";
import { QueuePage } from "./QueuePage";

const HOSTILE = '<img src=x onerror="alert(1)">\u202egnp.exe';
const session = create(PlanReviewSessionSchema, {
  id: "ses_1",
  plan: { goal: HOSTILE },
  state: PlanReviewState.PENDING,
  revision: 1n,
});

beforeEach(() => window.history.replaceState(null, "", "/"));

test("a hostile goal is text, and its hidden characters are seen", async () => {
  renderOver(
    (router) =>
      router.service(ApprovalService, {
        listPendingSessions: () => ({ sessions: [{ session, why: "your vote is the one that is missing" }] }),
        explainDecision: () => ({ quorum: { needed: 2, given: 1, of: "role lead" } }),
        getSession: () => ({ session: { estimate: { estimatedCost: { micros: 1_500_000n } } } }),
      }),
    <QueuePage />,
  );
  const link = await screen.findByRole("link");
  expect(link.textContent).toContain('<img src=x onerror="alert(1)">U+202E');
  expect(link.querySelector("img")).toBeNull();
  expect(await screen.findByText("1 of 2 approvals")).toBeDefined();
  expect(screen.getByText("about $1.50")).toBeDefined();
  // A risk that nobody assessed is not a low one.
  expect(screen.getByText("Risk unknown")).toBeDefined();
});

test("an empty queue and a failing service say so, and trying again helps", async () => {
  let broken = true;
  renderOver(
    (router) =>
      router.service(ApprovalService, {
        listPendingSessions: () => {
          if (broken) throw new ConnectError("the gate is being repaired", Code.PermissionDenied);
          return {};
        },
      }),
    <QueuePage />,
  );
  expect((await screen.findByRole("alert")).textContent).toContain("the gate is being repaired");
  broken = false;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("Nothing waits for you.")).toBeDefined();
});
