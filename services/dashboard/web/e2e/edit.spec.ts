import { expect, expectAccessible, submit, test } from "./stack";

test("edits are previewed, undone, and saved as one version", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("dev");
  await page.goto(`${stack.url}/sessions/${id}/edit`);
  await page.getByRole("button", { name: "Change write" }).click();
  const path = page.getByLabel("Arguments (JSON)");
  await path.fill("{");
  await expect(page.getByRole("alert")).toContainText("no JSON");
  await expect(page.getByRole("button", { name: "Take over" })).toBeDisabled();
  await path.fill('{"path": "exports/other.py", "content": "print(1)"}');
  await page.getByRole("button", { name: "Take over" }).click();
  await expect(page.getByRole("list", { name: "Edits" })).toContainText("change arguments of write");
  await expect(page.getByRole("region", { name: "Changes" })).toContainText("exports/other.py");

  await page.getByRole("button", { name: "Remove export" }).click();
  await expect(page.getByRole("list", { name: "Edits" }).getByRole("listitem")).toHaveCount(2);
  await page.getByRole("button", { name: "Undo the last" }).click();
  await expect(page.getByRole("list", { name: "Edits" }).getByRole("listitem")).toHaveCount(1);
  await expectAccessible(page);
  await page.getByLabel("Why").fill("a shorter script");
  await page.getByRole("button", { name: "Save as a new version" }).click();
  await expect(page.getByText(/Version 2, code/)).toBeVisible();
  const { session } = await stack.as("dev").approval.getSession({ sessionId: id });
  expect(session?.versions.find(({ versionNumber }) => versionNumber === 2)?.changeDescription).toBe("a shorter script");
  expect(session?.plan?.items.find((item) => item.id === "write")?.arguments).toMatchObject({ path: "exports/other.py" });
});

test("two edits of one field meet in a conflict, which is settled by hand", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("lead");
  await page.goto(`${stack.url}/sessions/${id}/edit`);
  await page.getByRole("button", { name: "Change write" }).click();
  await page.getByLabel("Agent type").fill("mine");
  await page.getByRole("button", { name: "Take over" }).click();
  await expect(page.getByRole("region", { name: "Changes" })).toContainText("mine");

  const { editor } = stack.as("dev");
  await editor.assignAgent({ sessionId: id, baseVersion: 1, edit: { itemId: "write", agentType: "theirs" } });
  await expect(page.getByText(/Somebody made version 2 meanwhile/)).toBeVisible();
  await page.getByRole("button", { name: "Save as a new version" }).click();
  const conflicts = page.getByRole("region", { name: "Conflicts" });
  await expect(conflicts).toContainText("theirs");
  await expect(conflicts).toContainText("mine");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Put mine on top of version 2" }).click();
  await page.getByRole("button", { name: "Save as a new version" }).click();
  await expect(page.getByText(/Version 3, code/)).toBeVisible();
  const { session } = await stack.as("dev").approval.getSession({ sessionId: id });
  expect(session?.plan?.items.find((item) => item.id === "write")?.preferredAgentType).toBe("mine");
});

test("a plan that would not be sound is refused with the reason", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("dev");
  await page.goto(`${stack.url}/sessions/${id}/edit`);
  await page.getByLabel("Item", { exact: true }).selectOption("structure");
  await page.getByLabel("Waits for", { exact: true }).selectOption("write");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByText("WOULD_CYCLE")).toBeVisible();
  await expect(page.getByRole("button", { name: "Save as a new version" })).toBeDisabled();
});
