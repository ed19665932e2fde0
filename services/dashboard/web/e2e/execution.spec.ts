import { readFileSync } from "node:fs";

import { expect, expectAccessible, type Stack, submit, test } from "./stack";

async function approve(stack: Stack, id: string): Promise<void> {
  const { approval } = stack.as("lead");
  const { session } = await approval.getSession({ sessionId: id });
  await approval.approve({ sessionId: id, version: session?.currentVersion ?? 0, digest: session?.digest ?? "" });
}

test("an execution is followed to its end, and what it made is downloaded as it is", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("dev");
  await page.goto(`${stack.url}/sessions/${id}/execution`);
  await expect(page.getByText("Nothing of this plan has run.")).toBeVisible();
  await approve(stack, id);
  await expect(page.getByText("Completed", { exact: true })).toBeVisible({ timeout: 15_000 });
  await expect(page.getByText(/4 of 4 have ended/)).toBeVisible();
  await expect(page.getByRole("list", { name: "Log" })).toContainText("Ended: Completed");
  await expect(page.getByRole("group", { name: "Graph of the work items" }).getByText("Succeeded")).toHaveCount(4);
  await expectAccessible(page);

  const waiting = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download exports/db_export.py" }).click();
  const file = await waiting;
  expect(file.suggestedFilename()).toBe("db_export.py");
  expect(readFileSync((await file.path()) ?? "", "utf8")).toContain("csv");

  await page.getByRole("button", { name: "Roll back …" }).click();
  await page.getByRole("dialog").getByLabel("Reason").fill("only a trial");
  await page.getByRole("dialog").getByRole("button", { name: "Roll back" }).click();
  await expect(page.getByText("Rolled back", { exact: true }).first()).toBeVisible({ timeout: 15_000 });
});

test("the audit log names every act, its chain holds, and the evidence is one file", async ({ stack, signIn }) => {
  const id = await submit(stack);
  await approve(stack, id);
  const page = await signIn("lead");
  await page.goto(`${stack.url}/sessions/${id}/audit`);
  await expect(page.getByText("Chain intact")).toBeVisible();
  await expect(page.getByRole("list", { name: "Audit log" })).toContainText(`lead@${stack.domain}`);
  await expectAccessible(page);
  const waiting = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download the evidence" }).click();
  expect((await waiting).suggestedFilename()).toContain(id);
});

test("the inbox tells who must act, and what is read is read", async ({ stack, signIn }) => {
  await submit(stack);
  const page = await signIn("admin");
  await page.getByRole("link", { name: /^Inbox/ }).click();
  const rows = page.getByRole("list", { name: "Notifications" }).getByRole("listitem");
  await expect(async () => {
    await page.reload();
    await expect(rows.first()).toBeVisible({ timeout: 1000 });
  }).toPass();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Mark all as read" }).click();
  await expect(page.getByRole("heading", { name: "0 unread" })).toBeVisible();
  await rows.first().getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  expect(page.url()).toContain("/sessions/ses_");
});
