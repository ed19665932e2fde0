import { create } from "@bufbuild/protobuf";

import { PlanSchema } from "../src/gen/assent/plan/v1/plan_pb";
import { expect, expectAccessible, test } from "./stack";

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
  const { session } = await stack.as("agent").approval.submitForApproval({ plan, onBehalfOf: "dev@localhost" });
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
