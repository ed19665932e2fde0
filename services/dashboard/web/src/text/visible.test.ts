import { expect, test } from "vitest";

import { suspicious, visible } from "./visible";

const shown = (text: string) => visible(text).map(({ kind, shown }) => (kind === "plain" ? shown : `<${kind}:${shown}>`)).join("");

test("plain text of any language stays as it is", () => {
  for (const text of ["plain text", "Привет мир", "naïve café", "日本語", "Ωμέγα", "a-b_c/d", ""]) {
    expect(shown(text)).toBe(text);
  }
});

test("what cannot be seen is seen", () => {
  expect(shown("a\u202eb")).toBe("a<hidden:U+202E>b");
  expect(shown("rm\u200b -rf")).toBe("rm<hidden:U+200B> -rf");
  expect(shown("a\u00a0b")).toBe("a<hidden:U+00A0>b");
  expect(shown("\u{e0041}")).toBe("<hidden:U+E0041>");
  expect(shown("one\ntwo")).toBe("one<hidden:\\n>two");
  expect(visible("one\n\ttwo", true)).toEqual([{ kind: "plain", shown: "one\n\ttwo", note: "" }]);
});

test("letters that pretend to be others are told, where they stand among those", () => {
  expect(shown("раypal.com")).toBe("<lookalike:р><lookalike:а>ypal.com");
  expect(visible("аdmin")[0]?.note).toBe('U+0430, which looks like "a"');
  expect(shown("ｒｍ -rf x")).toContain("<lookalike:ｒ>");
  expect(shown("сору")).toContain("<lookalike:с>");
  expect(suspicious("раypal\u200b")).toBe(3);
});
