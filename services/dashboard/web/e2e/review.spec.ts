import { PlanReviewState } from "../src/gen/assent/review/v1/session_pb";
import { expect, expectAccessible, type Stack, submit, test } from "./stack";

const state = async (stack: Stack, id: string) => {
  const { session } = await stack.as("lead").approval.getSession({ sessionId: id });
  return PlanReviewState[session?.state ?? 0];
};

test("a plan is read as graph and table, with exactly what is approved", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("lead");
  await page.goto(`${stack.url}/sessions/${id}`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("exports user data to CSV");
  await expect(page.getByText(/Version 1, code [0-9a-f]{6}/)).toBeVisible();
  await expect(page.getByText("live", { exact: true })).toBeVisible();
  const graph = page.getByRole("group", { name: "Graph of the work items" });
  await expect(graph.getByRole("button", { name: /code_gen, high risk/ })).toBeVisible();
  await expectAccessible(page);

  await graph.getByRole("button", { name: /file_write/ }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("these fields and no others drive the execution")).toBeVisible();
  await expect(page.getByText('"content": "${items')).toBeVisible();
  await expect(page.getByText("FILE_WRITE", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Table" }).click();
  await expect(page.getByRole("table").getByText("file_write", { exact: true })).toBeVisible();
  expect(new URL(page.url()).search).toContain("view=table");
  await expectAccessible(page);
});

test("approval asks for the code of the version, and is seen elsewhere by itself", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const [lead, dev] = [await signIn("lead"), await signIn("dev")];
  await dev.goto(`${stack.url}/sessions/${id}`);
  await expect(dev.getByText(/You cannot approve/)).toBeVisible();
  await expect(dev.getByRole("button", { name: "Approve …" })).toHaveCount(0);
  await expect(dev.getByText("live", { exact: true })).toBeVisible();

  await lead.goto(`${stack.url}/sessions/${id}`);
  await lead.getByRole("button", { name: "Approve …" }).click();
  const dialog = lead.getByRole("dialog");
  const code = /\(([0-9a-f]{6})\)/.exec((await dialog.getByRole("heading").textContent()) ?? "")?.[1] ?? "";
  await dialog.getByLabel("Reason").fill("reads one table, writes one file");
  const approve = dialog.getByRole("button", { name: "Approve the whole plan" });
  await dialog.getByLabel(/^Type /).fill("000000");
  await expect(approve).toBeDisabled();
  await dialog.getByLabel(/^Type /).fill(code);
  await expectAccessible(lead);
  await approve.click();
  await expect(lead.getByText("Approved", { exact: true })).toBeVisible();
  await expect(dev.getByText("Approved", { exact: true })).toBeVisible();
  await expect(dev.getByRole("list", { name: "Votes" })).toContainText("reads one table, writes one file");
  expect(await state(stack, id)).toBe("APPROVED");
});

test("some items, with what they need shown before it is confirmed, and conditions", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("lead");
  await page.goto(`${stack.url}/sessions/${id}`);
  await page.getByRole("button", { name: "Approve …" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Approve some items only").click();
  const boxes = dialog.getByRole("group").getByRole("checkbox");
  const count = await boxes.count();
  await boxes.first().uncheck();
  await expect(dialog.getByText("is skipped: it needs an item that is not approved").first()).toBeVisible();
  await boxes.first().check();
  await boxes.last().uncheck();
  await expect(dialog.getByRole("status")).toHaveText(`${count - 1} of ${count} would run`);
  await dialog.getByText("Conditions that the execution").click();
  await dialog.getByLabel("Costs at most (US dollars)").fill("2.5");
  const label = (await dialog.getByLabel(/^Type /).evaluate((input: HTMLInputElement) => input.labels?.[0]?.textContent)) ?? "";
  await dialog.getByLabel(/^Type /).fill(/Type (\w+),/.exec(label)?.[1] ?? "");
  await dialog.getByRole("button", { name: `Approve ${count - 1} of ${count} items` }).click();
  await expect(page.getByText("Partially approved", { exact: true })).toBeVisible();
  await expect(page.getByRole("list", { name: "Conditions" })).toContainText("costs at most $2.50");
  const { session } = await stack.as("lead").approval.getSession({ sessionId: id });
  expect(session?.decision?.approvedItems).toHaveLength(count - 1);
});

test("a vote on a plan that has moved is refused, and the page shows the new version", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("lead");
  await page.goto(`${stack.url}/sessions/${id}`);
  await page.getByRole("button", { name: "Reject …" }).click();
  await page.getByRole("dialog").getByLabel("Reason").fill("too much");
  const { session } = await stack.as("dev").approval.getSession({ sessionId: id });
  const item = session?.plan?.items[0];
  await stack.as("dev").editor.assignAgent({ sessionId: id, baseVersion: 1, edit: { itemId: item?.id ?? "", agentType: "careful" } });
  await expect(page.getByText(/Version 2, code/)).toBeVisible();
  await page.getByRole("dialog").getByRole("button", { name: "Reject" }).click();
  await expect(page.getByText("The plan changed while you looked.", { exact: false })).toBeVisible();
  expect(await state(stack, id)).toBe("PENDING");
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();

  await page.getByRole("link", { name: "Versions" }).click();
  await expect(page.getByRole("table")).toContainText("careful");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Reject …" }).click();
  await page.getByRole("dialog").getByLabel("Reason").fill("too much");
  await page.getByRole("dialog").getByRole("button", { name: "Reject" }).click();
  await expect(page.getByText("Rejected", { exact: true })).toBeVisible();
});

test("two people talk, each sees the other without reloading, and hostile words stay words", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const [lead, dev] = [await signIn("lead"), await signIn("dev")];
  for (const page of [lead, dev]) {
    await page.goto(`${stack.url}/sessions/${id}/comments`);
    await expect(page.getByText("live", { exact: true })).toBeVisible();
  }
  const hostile = '<script>document.title="taken"</script>[x](javascript:alert(1)) pаypal\u202egnp';
  await lead.getByLabel("Comment", { exact: true }).fill(hostile);
  await lead.getByLabel("Kind").selectOption("Concern");
  await lead.getByRole("button", { name: "Comment", exact: true }).click();
  const thread = dev.getByRole("article", { name: "Comment on the plan" });
  await expect(thread).toContainText('<script>document.title="taken"</script>[x](javascript:alert(1))');
  await expect(thread.locator("mark")).toHaveCount(2);
  expect(await dev.title()).toBe("Assent");
  await dev.getByRole("button", { name: "Reply" }).click();
  await dev.getByLabel("Reply").fill("It is only a test.");
  await dev.getByRole("button", { name: "Send" }).click();
  await expect(lead.getByText("It is only a test.")).toBeVisible();
  await expectAccessible(lead);
  await lead.getByRole("button", { name: "Resolve" }).click();
  await expect(dev.getByText(/^Resolved:/)).toBeVisible();
});

test("asking for changes, more time, and withdrawing", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("lead");
  await page.goto(`${stack.url}/sessions/${id}`);
  await page.getByRole("button", { name: "More time …" }).click();
  await page.getByRole("dialog").getByLabel("On top of the deadline").selectOption("1 week");
  await page.getByRole("dialog").getByRole("button", { name: "Extend" }).click();
  await expect(page.getByText(/^7 d \d+ h left|^8 d/)).toBeVisible();
  await page.getByRole("button", { name: "Request changes …" }).click();
  await page.getByRole("dialog").getByLabel("What is wrong").fill("limit the export to 10 rows");
  await page.getByRole("dialog").getByRole("button", { name: "Request changes" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);

  const dev = await signIn("dev");
  await dev.goto(`${stack.url}/sessions/${id}`);
  await dev.getByRole("button", { name: "Withdraw …" }).click();
  await dev.getByRole("dialog").getByLabel("Reason").fill("not needed any more");
  await dev.getByRole("dialog").getByRole("button", { name: "Withdraw" }).click();
  await expect(dev.getByText("Cancelled", { exact: true })).toBeVisible();
  expect(await state(stack, id)).toBe("CANCELLED");
});

test("the graph shows the critical path, neighbours, and layers folded", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const { session } = await stack.as("lead").approval.getSession({ sessionId: id });
  const chain = session?.estimate?.criticalItems ?? [];
  expect(chain.length).toBeGreaterThan(1);
  const page = await signIn("lead");
  await page.goto(`${stack.url}/sessions/${id}`);
  const graph = page.getByRole("group", { name: "Graph of the work items" });
  await expect(graph.getByRole("button", { name: /risk/ })).toHaveCount(session?.plan?.items.length ?? 0);
  await page.getByLabel("Critical path").check();
  await expect(graph.getByRole("button", { name: /on the critical path/ })).toHaveCount(chain.length);
  await expect(graph.locator(".edge-critical")).toHaveCount(chain.length - 1);
  await expectAccessible(page);

  const first = session?.plan?.items.find((item) => item.id === chain[0]);
  await graph.getByRole("button", { name: first?.name ?? "" }).click();
  await page.getByLabel("Only the selected item and its neighbours").check();
  const near = session?.plan?.dependencies.filter(({ from, to }) => from === first?.id || to === first?.id).length ?? 0;
  await expect(graph.getByRole("button", { name: /risk/ })).toHaveCount(near + 1);
  await page.getByLabel("Only the selected item and its neighbours").uncheck();

  await page.getByText(/^Layers \(/).click();
  await page.getByRole("button", { name: "Fold all", exact: true }).click();
  await expect(graph.getByRole("button", { name: /^Layer 1: / })).toBeVisible();
  await expect(graph.getByRole("button", { name: first?.name ?? "" })).toHaveCount(0);
  await expectAccessible(page);
  await graph.getByRole("button", { name: /^Layer 1: / }).click();
  await expect(graph.getByRole("button", { name: first?.name ?? "" })).toBeVisible();
});
