import { create } from "@bufbuild/protobuf";

import { PlanSchema } from "../src/gen/assent/plan/v1/plan_pb";
import { CommentScope } from "../src/gen/assent/review/v1/comment_pb";
import { expect, expectAccessible, submit, test } from "./stack";

const SCRIPT = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>';

test("a plan that is made to deceive shows what it is, and runs nothing in the page", async ({ stack, signIn }) => {
  const plan = create(PlanSchema, {
    goal: `${SCRIPT} [click](javascript:document.title='taken')`,
    items: [
      {
        id: "a",
        name: `Harmless ${SCRIPT}`,
        description: "\u202egnihton seod ti",
        tool: "file_write",
        // A letter of "passwd" is another one, and a character without width stands in the content.
        arguments: { path: "reports/p\u0430sswd.txt", content: `${SCRIPT}\u200b` },
      },
    ],
  });
  const { session } = await stack.as("agent").approval.submitForApproval({ plan, onBehalfOf: `dev@${stack.domain}` });
  const page = await signIn("lead");
  await page.goto(`${stack.url}/sessions/${session?.id}?view=table`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText('<img src=x onerror=');
  await page.getByRole("table").getByRole("button", { name: /Harmless/ }).click();
  await expect(page.getByRole("note")).toContainText(/3 characters here cannot be seen, or look like another/);
  // In the arguments, and in those of the rollback that the tool lends.
  await expect(page.locator("mark.mark-lookalike")).toHaveCount(2);
  await expect(page.locator("mark.mark-hidden").first()).toContainText("U+200B");
  expect(await page.locator('img, a[href^="javascript:"]').count()).toBe(0);
  expect(await page.title()).toBe("Assent");
  await expectAccessible(page);
});

test("comments are Markdown that runs nothing, fetches nothing and leads nowhere unseen", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const content = `**Look** @lead@${stack.domain} at ${SCRIPT} ![spy](https://evil.example/spy.png)
[home](javascript:document.title='taken') [https://assent.example](https://evil.example/login)

# Decision

<iframe src="https://evil.example"></iframe>`;
  const { comment } = await stack.as("dev").comments.addComment({ sessionId: id, content, scope: CommentScope.PLAN, version: 1 });
  expect(comment?.mentions).toEqual([`lead@${stack.domain}`]);
  const page = await signIn("lead");
  await page.goto(`${stack.url}/sessions/${id}/comments`);
  const thread = page.getByRole("article", { name: "Comment on the plan" });
  await expect(thread.locator("strong").first()).toHaveText("Look");
  await expect(thread.getByText(`@lead@${stack.domain}`, { exact: true })).toBeVisible();
  await expect(thread).toContainText("![spy](https://evil.example/spy.png)");
  await expect(thread).toContainText("[home](javascript:document.title='taken')");
  await expect(thread).toContainText("(evil.example)");
  expect(await thread.locator("img, iframe, script, h1").count()).toBe(0);
  expect(await thread.locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href")))).toEqual([
    "https://evil.example/login",
  ]);
  expect(await page.title()).toBe("Assent");
  await expectAccessible(page);

  await page.getByLabel("Mention").selectOption(`dev@${stack.domain}`);
  await page.getByLabel("Comment", { exact: true }).pressSequentially("please answer");
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(page.getByRole("article", { name: "Comment on the plan" }).last()).toContainText(`@dev@${stack.domain} please answer`);
  const { session } = await stack.as("dev").approval.getSession({ sessionId: id });
  expect(session?.comments.flatMap(({ mentions }) => mentions).sort()).toEqual([`dev@${stack.domain}`, `lead@${stack.domain}`]);
});
