import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { WorkItemSchema } from "../../gen/assent/plan/v1/plan_pb";
import { editText, moved, problemIn, textsOf, updateOf } from "./edits";

const item = create(WorkItemSchema, {
  id: "write",
  name: "Write",
  tool: "file_write",
  arguments: { path: "a.txt" },
  constraints: { timeout: { seconds: 30n }, maxRetries: 2 },
});

test("only fields that differ are named", () => {
  expect(updateOf(item, textsOf(item))).toBeUndefined();
  const edit = updateOf(item, { ...textsOf(item), name: "Write it", timeoutSeconds: "" });
  if (edit?.edit.case !== "updateWorkItem") throw new Error("another edit");
  expect(edit.edit.value.updateMask?.paths).toEqual(["name", "constraints.timeout"]);
  // Named in the mask and not set: cleared.
  expect(edit.edit.value.item?.constraints?.timeout).toBeUndefined();
  expect(editText(edit)).toBe("change name, constraints.timeout of write");
});

test("texts that are no values are refused before anything is sent", () => {
  const texts = textsOf(item);
  expect(problemIn(texts)).toBe("");
  expect(problemIn({ ...texts, arguments: "{" })).toContain("no JSON");
  expect(problemIn({ ...texts, arguments: "[1]" })).toContain("object");
  expect(problemIn({ ...texts, timeoutSeconds: "1.5" })).toContain("timeout");
  expect(problemIn({ ...texts, maxRetries: "-1" })).toContain("retries");
});

test("an item moves by places and not beyond the ends", () => {
  const order = (id: string, by: number) => {
    const { edit } = moved(["a", "b", "c"], id, by);
    return edit.case === "reorderWorkItems" ? edit.value.itemIds.join("") : "";
  };
  expect([order("a", 1), order("c", -1), order("c", 5), order("a", -1)]).toEqual(["bac", "acb", "abc", "abc"]);
});
