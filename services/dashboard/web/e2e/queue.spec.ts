import { PlanReviewState } from "../src/gen/assent/review/v1/session_pb";
import { expect, expectAccessible, submit, test } from "./stack";

test("a token that is nobody's opens nothing, and signing out closes everything", async ({ page, stack, signIn }) => {
  await page.goto(stack.url);
  await page.getByLabel("Token").fill("assent_dev_0000");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toHaveText("Nobody is known by this token.");
  await expectAccessible(page);

  const lead = await signIn("lead");
  const cookies = await lead.context().cookies();
  expect(cookies).toMatchObject([{ name: "assent_token", httpOnly: true, sameSite: "Strict" }]);
  expect(await lead.evaluate(() => document.cookie)).toBe("");
  await lead.getByRole("button", { name: "Sign out" }).click();
  await expect(lead.getByLabel("Token")).toBeVisible();
  await lead.reload();
  await expect(lead.getByLabel("Token")).toBeVisible();
  expect(await lead.context().cookies()).toEqual([]);
});

test("what waits for me comes by itself, and others do not see it as theirs", async ({ stack, signIn }) => {
  const [lead, dev] = [await signIn("lead"), await signIn("dev")];
  const id = await submit(stack);
  const row = lead.getByRole("listitem").filter({ has: lead.locator(`a[href="/sessions/${id}"]`) });
  await expect(row).toContainText("High risk");
  await expect(row).toContainText("0 of 1 approval");
  await expect(row).toContainText(`agent@${stack.domain} for dev@${stack.domain}`);
  await expect(row).toContainText(/left/);
  await expect(row).toContainText(/about \$\d/);
  await expectAccessible(lead);

  // For dev the agent acts, so dev may look and not decide.
  await expect(dev.locator(`a[href="/sessions/${id}"]`)).toHaveCount(0);
  await dev.getByRole("button", { name: "Open", exact: true }).click();
  await expect(dev.locator(`a[href="/sessions/${id}"]`)).toBeVisible();
});

test("filters, search and order stand in the address", async ({ stack, signIn }) => {
  const high = await submit(stack);
  const page = await signIn("lead");
  await page.getByLabel("Search goal, requester or id").fill(high);
  await expect(page.getByRole("listitem")).toHaveCount(1);
  await page.getByLabel("Risk").selectOption("High");
  await page.getByLabel("Order").selectOption("Deadline first");
  expect(new URL(page.url()).search).toBe(`?q=${high}&risk=high&sort=deadline`);
  await page.reload();
  await expect(page.getByRole("listitem")).toHaveCount(1);
  await page.getByLabel("Risk").selectOption("Critical");
  await expect(page.getByText(/None of the \d+ reviews that are loaded match/)).toBeVisible();
});

test("what was decided says by whom, when, why and what it was to cost", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const { approval } = stack.as("lead");
  const { session } = await approval.getSession({ sessionId: id });
  await approval.reject({ sessionId: id, version: 1, digest: session?.digest ?? "", reason: "not this week" });
  const page = await signIn("dev");
  await page.getByRole("button", { name: "Decided", exact: true }).click();
  const row = page.getByRole("listitem").filter({ has: page.locator(`a[href="/sessions/${id}"]`) });
  await expect(row).toContainText(new RegExp(`decided by lead@${stack.domain} .* ago: not this week`));
  await expect(row).toContainText(/about \$\d/);
  await expect(row).not.toContainText("approval");
});

test("the queue fits a phone", async ({ stack, signIn }) => {
  await submit(stack);
  const page = await signIn("lead");
  await page.setViewportSize({ width: 360, height: 740 });
  await expect(page.getByRole("listitem").first()).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await expectAccessible(page);
});

test("plans of low risk are gone through with a look at each", async ({ stack, signIn }) => {
  const goal = "Search the web for news about Rust";
  const [first, second] = [await submit(stack, goal), await submit(stack, goal)];
  const page = await signIn("lead");
  await page.getByLabel("Order").selectOption("Oldest first");
  await page.getByRole("button", { name: /^Go through 2 of low risk/ }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("heading", { name: "Low risk, 1 of 2" })).toBeVisible();
  await expect(dialog.getByRole("list", { name: "Work items" })).toContainText("web_search");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Approve" }).click();
  await expect(dialog.getByRole("heading", { name: "Low risk, 2 of 2" })).toBeVisible();
  await dialog.getByRole("button", { name: "Skip" }).click();
  await expect(dialog.getByRole("heading", { name: "That was all" })).toBeVisible();
  const { approval } = stack.as("lead");
  const state = async (id: string) => PlanReviewState[(await approval.getSession({ sessionId: id })).session?.state ?? 0];
  expect([await state(first), await state(second)]).toEqual(["APPROVED", "PENDING"]);
});

test("a decision is made on a phone", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("lead");
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`${stack.url}/sessions/${id}`);
  // What is to be decided comes before the plan, which is long.
  const decision = page.getByRole("region", { name: "Your decision" });
  await expect(decision).toBeVisible();
  const plan = await page.getByRole("region", { name: /^Plan of/ }).boundingBox();
  expect((await decision.boundingBox())?.y ?? Infinity).toBeLessThan(plan?.y ?? 0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await page.getByRole("button", { name: "Reject …" }).click();
  const dialog = page.getByRole("dialog");
  const area = await dialog.boundingBox();
  expect((area?.x ?? -1) >= 0 && (area?.x ?? 0) + (area?.width ?? Infinity) <= 360).toBe(true);
  await expectAccessible(page);
  await dialog.getByLabel("Reason").fill("not now");
  await dialog.getByRole("button", { name: "Reject", exact: true }).click();
  await expect(page.getByText("Rejected", { exact: true })).toBeVisible();
});
