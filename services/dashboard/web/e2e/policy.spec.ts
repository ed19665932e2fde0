import { expect, expectAccessible, submit, test } from "./stack";

test("a change of the policy is checked, and tried on plans that were made", async ({ stack, signIn }) => {
  await submit(stack);
  const page = await signIn("admin");
  await page.getByRole("link", { name: "Policy" }).click();
  await expect(page.getByText("database-connection", { exact: true })).toBeVisible();
  await expectAccessible(page);
  const text = page.getByLabel("Policy (YAML)");
  const inForce = await text.inputValue();
  await page.getByRole("button", { name: "Try it" }).click();
  await expect(page.getByText("Can be used")).toBeVisible();
  await expect(page.getByText(/Of \d+ plans, 0 would be riskier, 0 less risky/)).toBeVisible();
  await text.fill(`${inForce}\nrules: nonsense\n`);
  await page.getByRole("button", { name: "Try it" }).click();
  await expect(page.getByText("Cannot be used")).toBeVisible();
});

test("analytics counts decisions and names those made in haste", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const { approval } = stack.as("lead");
  const { session } = await approval.getSession({ sessionId: id });
  await approval.approve({ sessionId: id, version: 1, digest: session?.digest ?? "" });
  const page = await signIn("lead");
  await page.getByRole("link", { name: "Analytics" }).click();
  await expect(page.getByText(/approved within 30 s of being submitted/)).toBeVisible();
  await expect(page.locator(`a[href="/sessions/${id}"]`)).toBeVisible();
  await expectAccessible(page);
});
