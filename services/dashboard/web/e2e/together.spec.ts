// Two people, each in a browser of their own, on one session. Runs against one process, and against six
// (tests/web_cluster.sh).
import { create } from "@bufbuild/protobuf";
import type { Page } from "@playwright/test";

import { PlanSchema, RiskLevel } from "../src/gen/assent/plan/v1/plan_pb";
import { expect, test } from "./stack";

const plan = create(PlanSchema, {
  goal: "Write two reports",
  items: ["a", "b"].map((id) => ({
    id,
    name: `Report ${id}`,
    tool: "file_write",
    arguments: { path: `${id}.txt`, content: "x" },
    // Two administrators must sign, so one vote leaves the review open.
    declaredRisk: RiskLevel.CRITICAL,
  })),
});

async function chooseAgent(page: Page, item: string, agent: string): Promise<void> {
  await page.getByRole("button", { name: `Change ${item}` }).click();
  await page.getByLabel("Agent type").fill(agent);
  await page.getByRole("button", { name: "Take over" }).click();
  await expect(page.getByRole("region", { name: "Changes" })).toContainText(agent);
}

test("what one does the other sees: comments, a vote that an edit dismisses, and a conflict", async ({ stack, signIn }) => {
  test.setTimeout(120_000);
  const { session } = await stack.as("agent").approval.submitForApproval({ plan, onBehalfOf: `dev@${stack.domain}` });
  const address = `${stack.url}/sessions/${session?.id}`;
  const [admin, dev] = [await signIn("admin"), await signIn("dev")];
  for (const page of [admin, dev]) {
    await page.goto(`${address}/comments`);
    await expect(page.getByText("live", { exact: true })).toBeVisible();
  }
  await dev.getByLabel("Comment", { exact: true }).fill("Is **b** needed?");
  await dev.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(admin.getByRole("article").locator("strong")).toHaveText("b");

  await admin.getByRole("button", { name: "Approve …" }).click();
  const dialog = admin.getByRole("dialog");
  const code = /\(([0-9a-f]{6})\)/.exec((await dialog.getByRole("heading").textContent()) ?? "")?.[1] ?? "";
  await dialog.getByLabel(/^Type /).fill(code);
  await dialog.getByLabel("Reason").fill("two small files");
  await dialog.getByRole("button", { name: "Approve the whole plan" }).click();
  await expect(dev.getByRole("list", { name: "Votes" })).toContainText("two small files");
  await expect(dev.getByText("1 of 2", { exact: false }).first()).toBeVisible();

  await dev.getByRole("link", { name: "Edit" }).click();
  await chooseAgent(dev, "a", "writer");
  await dev.getByRole("button", { name: "Save as a new version" }).click();
  await expect(admin.getByText(/Version 2, code/)).toBeVisible();
  await expect(admin.getByRole("list", { name: "Votes that do not count any more" })).toContainText(`admin@${stack.domain}`);
  await expect(admin.getByText("0 of 2", { exact: false }).first()).toBeVisible();

  await admin.getByRole("link", { name: "Edit" }).click();
  await chooseAgent(admin, "b", "mine");
  await expect(dev.getByText("Edit version 2")).toBeVisible();
  await chooseAgent(dev, "b", "theirs");
  await dev.getByRole("button", { name: "Save as a new version" }).click();
  await expect(admin.getByText(/Somebody made version 3 meanwhile/)).toBeVisible();
  await admin.getByRole("button", { name: "Save as a new version" }).click();
  const conflicts = admin.getByRole("region", { name: "Conflicts" });
  await expect(conflicts).toContainText("theirs");
  await expect(conflicts).toContainText("mine");
  await admin.getByRole("button", { name: "Keep theirs, drop my edits" }).click();
  await expect(admin.getByRole("heading", { name: "Edit version 3" })).toBeVisible();
});
