import { render } from "@testing-library/react";
import { expect, test } from "vitest";

import { Markdown } from "./Markdown";

const shown = (text: string, mentions: string[] = []) => render(<Markdown text={text} mentions={mentions} />).container;

test("what people write is set as they mean it", () => {
  const page = shown("# Why\n\nSee **this** and *that*, `rm -rf`:\n\n1. one\n2. two\n\n> quoted\n\n```\nlet x;\n```");
  expect(page.querySelector("h1")).toBeNull();
  expect(page.querySelector("strong")?.textContent).toBe("this");
  expect(page.querySelector("em")?.textContent).toBe("that");
  expect(page.querySelector("p code")?.textContent).toBe("rm -rf");
  expect(page.querySelectorAll("ol > li")).toHaveLength(2);
  expect(page.querySelector("blockquote")?.textContent).toBe("quoted");
  expect(page.querySelector("pre")?.textContent).toBe("let x;");
});

test.each([
  '<script>document.title="taken"</script>',
  'text <img src=x onerror="alert(1)"> text',
  "![picture](https://evil.example/spy.png)",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](data:text/html,<script>1</script>)",
  "[x](/sessions/ses_1)",
  "<javascript:alert(1)>",
  "[x][1]\n\n[1]: javascript:alert(1)",
  "<svg onload=alert(1)>",
  "<iframe src=https://evil.example></iframe>",
])("%s stays what it is: text", (text) => {
  const page = shown(text);
  expect(page.querySelectorAll("script, img, svg, iframe, a, [onerror], [onload]")).toHaveLength(0);
  expect(page.textContent?.replaceAll(/\s/g, "")).toBe(text.replaceAll(/\s/g, ""));
});

test("a link says where it leads, whatever it calls itself", () => {
  const page = shown("[https://bank.example](https://evil.example/login)");
  const link = page.querySelector("a");
  expect([link?.getAttribute("href"), link?.rel, link?.target]).toEqual([
    "https://evil.example/login",
    "noopener noreferrer nofollow",
    "_blank",
  ]);
  expect(page.textContent).toContain("(evil.example)");
});

test("those who are mentioned are marked, and nobody else", () => {
  const page = shown("@ada@example.com. and @nobody, x@ada `@ada@example.com`", ["ada@example.com"]);
  expect([...page.querySelectorAll("strong")].map((one) => one.textContent)).toEqual(["@ada@example.com"]);
  expect(page.textContent).toBe("@ada@example.com. and @nobody, x@ada @ada@example.com");
});

test("quotes within quotes without end do no harm, and hidden characters are seen everywhere", () => {
  expect(shown(`${"> ".repeat(3000)}deep`).textContent).toContain("deep");
  expect(shown("- ".repeat(3000)).textContent).toBeDefined();
  const page = shown("a\u200bb `p\u0430ypal` **\u202e**");
  expect(page.querySelectorAll("mark")).toHaveLength(3);
});
