import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { WorkItemSchema } from "../../gen/assent/plan/v1/plan_pb";
import { addition, editText, merging, moved, splitting, updateOf } from "./edits";
import { freeId, itemFrom, NO_TEXTS, problemIn, textsOf } from "./texts";

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

test("an id must be one, and nobody else's", () => {
  const texts = textsOf(item);
  expect(problemIn({ ...texts, id: "Write it" })).toContain("small letters");
  expect(problemIn(texts, ["write"])).toContain("another item write");
  expect(freeId("write", ["write", "write-2"])).toBe("write-3");
});

test("parts keep what no form holds, and a rollback only where it undoes the same", () => {
  const whole = create(WorkItemSchema, {
    id: "write",
    name: "Write",
    tool: "file_write",
    arguments: { path: "a.txt" },
    requiredCapabilities: ["disk"],
    rollback: { tool: "file_delete", arguments: { path: "a.txt" } },
    constraints: { maxCost: { currency: "USD", micros: 5n } },
  });
  const same = itemFrom({ ...textsOf(whole), id: "write-2" }, whole);
  expect([same.id, same.requiredCapabilities, same.rollback?.tool, same.constraints?.maxCost?.micros]).toEqual([
    "write-2",
    ["disk"],
    "file_delete",
    5n,
  ]);
  expect(itemFrom({ ...textsOf(whole), arguments: '{"path": "b.txt"}' }, whole).rollback).toBeUndefined();
});

test("adding, splitting and merging say what they do", () => {
  const other = itemFrom({ ...NO_TEXTS, id: "read", name: "Read", tool: "shell" });
  expect(editText(addition(other, ["write"]))).toBe("add read, after write");
  expect(editText(splitting("write", [item, other]))).toBe("split write into write, read");
  expect(editText(merging(["write", "read"], item))).toBe("merge write, read into write");
});
