import { expect, expectAccessible, submit, test } from "./stack";

test("votes are delegated, seen by both, and taken back", async ({ stack, signIn }) => {
  const lead = await signIn("lead");
  await lead.getByRole("link", { name: "Delegations" }).click();
  await expect(lead.getByText("Nobody votes in your place.")).toBeVisible();
  await lead.getByRole("button", { name: "Delegate …" }).click();
  const dialog = lead.getByRole("dialog");
  await dialog.getByLabel(/^Id of the person/).fill(`dev@${stack.domain}`);
  await dialog.getByLabel("Reason").fill("on leave");
  await expectAccessible(lead);
  await dialog.getByRole("button", { name: "Delegate", exact: true }).click();
  const given = lead.getByRole("list", { name: "Who votes in your place" });
  await expect(given).toContainText("In force");
  await expect(given).toContainText("on leave");
  await expectAccessible(lead);

  const dev = await signIn("dev");
  await dev.goto(`${stack.url}/delegations`);
  await expect(dev.getByRole("list", { name: "In whose place you vote" })).toContainText(`lead@${stack.domain}`);
  await expect(dev.getByRole("button", { name: /^End the delegation/ })).toHaveCount(0);
  await lead.getByRole("button", { name: `End the delegation to dev@${stack.domain}` }).click();
  await expect(given).toContainText("Ended early");
});

test("people see what their roles let them do", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const acts = async (who: "dev" | "lead" | "admin") => {
    const page = await signIn(who);
    await page.goto(`${stack.url}/sessions/${id}`);
    const card = page.getByRole("region", { name: "Your decision" });
    await expect(card.getByRole("button", { name: "Reject …" })).toBeVisible();
    return (await card.getByRole("button").allTextContents()).map((name) => name.replace(" …", ""));
  };
  const everybody = ["Reject", "Request changes", "Ask somebody", "More time", "Withdraw"];
  expect((await acts("dev")).sort()).toEqual([...everybody].sort());
  expect((await acts("lead")).sort()).toEqual([...everybody, "Approve", "Delegate"].sort());
  expect((await acts("admin")).sort()).toEqual([...everybody, "Approve", "Delegate", "Emergency"].sort());
});
