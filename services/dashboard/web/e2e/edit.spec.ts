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

test("a line is drawn from box to box, and goes with the keyboard", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("dev");
  await page.goto(`${stack.url}/sessions/${id}/edit`);
  const graph = page.getByRole("group", { name: "Graph of the work items" });
  const box = (item: string) => graph.locator(`.react-flow__node[data-id="${item}"]`);
  const centre = async (item: string, side: "source" | "target") => {
    const area = await box(item).locator(`.react-flow__handle.${side}`).boundingBox();
    if (area === null) throw new Error(`no handle of ${item}`);
    return [area.x + area.width / 2, area.y + area.height / 2] as const;
  };
  await graph.scrollIntoViewIfNeeded();
  await expect(box("export")).toBeVisible();
  await page.mouse.move(...(await centre("structure", "source")));
  await page.mouse.down();
  await page.mouse.move(...(await centre("export", "target")), { steps: 12 });
  await page.mouse.up();
  const edits = page.getByRole("list", { name: "Edits" });
  await expect(edits).toContainText("export waits for structure");
  await expect(page.getByRole("region", { name: "Changes" })).toContainText("Dependency added");
  await expect(graph.locator(".edge-added")).toHaveCount(1);

  // The same line again, by keyboard alone.
  const line = graph.locator('.react-flow__edge[data-id="structure export"]');
  await line.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Delete");
  await expect(edits).toContainText("export no longer waits for structure");
  await expect(graph.locator(".edge-added")).toHaveCount(0);
  await expectAccessible(page);
});

test("items are added, split, merged and moved, and saved as one version", async ({ stack, signIn }) => {
  const id = await submit(stack);
  const page = await signIn("dev");
  await page.goto(`${stack.url}/sessions/${id}/edit`);
  const edits = page.getByRole("list", { name: "Edits" });
  await page.getByRole("button", { name: "Add an item …" }).click();
  await page.getByLabel("Id", { exact: true }).fill("note");
  await page.getByLabel("Name", { exact: true }).fill("Leave a note");
  await page.getByLabel("Tool", { exact: true }).fill("file_write");
  await page.getByLabel("Arguments (JSON)").fill('{"path": "exports/note.txt", "content": "done"}');
  await page.getByRole("checkbox", { name: "write", exact: true }).check();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Take over" }).click();
  await expect(edits).toContainText("add note, after write");
  await expect(page.getByRole("button", { name: "Change note" })).toBeVisible();

  await page.getByRole("button", { name: "Split note" }).click();
  const part = page.getByRole("group", { name: "Part 2" });
  await part.getByLabel("Id", { exact: true }).fill("note");
  await expect(page.getByRole("alert")).toContainText("another item note");
  await part.getByLabel("Id", { exact: true }).fill("seal");
  await part.getByLabel("Arguments (JSON)").fill('{"path": "exports/seal.txt", "content": "sealed"}');
  await page.getByRole("button", { name: "Take over" }).click();
  await expect(edits).toContainText("split note into note, seal");
  await expect(page.getByRole("button", { name: "Change seal" })).toBeVisible();

  await page.getByLabel("Choose note").check();
  await page.getByLabel("Choose seal").check();
  await page.getByRole("button", { name: "Merge 2 items …" }).click();
  await page.getByLabel("Id", { exact: true }).fill("notes");
  await page.getByRole("button", { name: "Take over" }).click();
  await expect(edits).toContainText("merge note, seal into notes");
  await page.getByRole("button", { name: "Move notes up" }).click();
  await expect(edits.getByRole("listitem")).toHaveCount(4);
  await expect(page.getByRole("button", { name: "Save as a new version" })).toBeEnabled();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Save as a new version" }).click();
  await expect(page.getByText(/Version 2, code/)).toBeVisible();

  const { session } = await stack.as("dev").approval.getSession({ sessionId: id });
  const plan = session?.plan;
  expect(plan?.items.at(-2)?.id).toBe("notes");
  expect(plan?.items.find((item) => item.id === "notes")?.arguments).toMatchObject({ path: "exports/note.txt" });
  expect(plan?.dependencies.some(({ from, to }) => from === "write" && to === "notes")).toBe(true);

  // What the new version changed, on the graph.
  await page.getByRole("link", { name: "Versions" }).click();
  const graph = page.getByRole("group", { name: "Graph of the work items" });
  await expect(graph.getByRole("button", { name: /\+ added/ })).toHaveCount(1);
  await expect(graph.locator(".edge-added")).toHaveCount(1);
  await expectAccessible(page);
});
