import type { Nodes, Parents } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { Fragment, memo, type ReactNode } from "react";

import { Visible } from "./Visible";

/** Quotes and lists within each other beyond this are shown as they were written. */
const DEEPEST = 16;

interface Props {
  text: string;
  /** Ids of those whom the text mentions, as `@ID`. */
  mentions?: readonly string[];
}

/**
 * Markdown that somebody else wrote. It is parsed, and only the kinds of nodes below become elements: HTML, pictures and
 * addresses that are none of a page are shown as the text that they are, and nothing is fetched.
 */
export const Markdown = memo(function Markdown({ text, mentions = [] }: Props) {
  return <div className="flex flex-col gap-2 break-words">{many(fromMarkdown(text), { text, mentions, depth: 0 })}</div>;
});

interface Place {
  text: string;
  mentions: readonly string[];
  depth: number;
}

const many = (parent: Parents, place: Place): ReactNode =>
  parent.children.map((child, index) => <Fragment key={index}>{one(child, { ...place, depth: place.depth + 1 })}</Fragment>);

function one(node: Nodes, place: Place): ReactNode {
  if (place.depth > DEEPEST) return written(node, place);
  switch (node.type) {
    case "text":
      return <Mentions text={node.value} ids={place.mentions} />;
    case "paragraph":
      return <p className="whitespace-pre-wrap">{many(node, place)}</p>;
    // The page has headings of its own, and a comment must not look like one of them.
    case "heading":
      return <p className="font-semibold">{many(node, place)}</p>;
    case "emphasis":
      return <em>{many(node, place)}</em>;
    case "strong":
      return <strong>{many(node, place)}</strong>;
    case "inlineCode":
      return (
        <code className="rounded bg-raised px-1">
          <Visible text={node.value} />
        </code>
      );
    case "code":
      return (
        <pre className="overflow-x-auto rounded bg-raised p-2" tabIndex={0}>
          <Visible text={node.value} lines />
        </pre>
      );
    case "blockquote":
      return <blockquote className="border-l-4 border-line pl-3">{many(node, place)}</blockquote>;
    case "list": {
      const List = node.ordered === true ? "ol" : "ul";
      return <List className={`ml-5 ${node.ordered === true ? "list-decimal" : "list-disc"}`}>{many(node, place)}</List>;
    }
    case "listItem":
      return <li>{many(node, place)}</li>;
    case "thematicBreak":
      return <hr className="border-line" />;
    case "break":
      return <br />;
    case "link":
      return isPage(node.url) ? (
        <>
          <a href={node.url} target="_blank" rel="noopener noreferrer nofollow">
            {many(node, place)}
          </a>{" "}
          <span className="text-sm text-soft">
            (<Visible text={new URL(node.url).host} />)
          </span>
        </>
      ) : (
        written(node, place)
      );
    default:
      return written(node, place);
  }
}

/** The node as its author typed it. */
function written({ position }: Nodes, { text }: Place): ReactNode {
  return <Visible text={text.slice(position?.start.offset ?? 0, position?.end.offset ?? 0)} lines />;
}

function isPage(address: string): boolean {
  try {
    return ["https:", "http:"].includes(new URL(address).protocol);
  } catch {
    return false;
  }
}

// As the service finds them: no part of a word.
const MENTION = /(?<![\w.%+@-])@([A-Za-z0-9][\w.%+@-]*)/g;

function Mentions({ text, ids }: { text: string; ids: readonly string[] }) {
  const parts: ReactNode[] = [];
  let end = 0;
  for (const found of text.matchAll(MENTION)) {
    const id = (found[1] ?? "").replace(/[.@-]+$/, "");
    if (!ids.includes(id)) continue;
    parts.push(<Visible key={end} text={text.slice(end, found.index)} lines />);
    end = found.index + 1 + id.length;
    parts.push(
      <strong key={`@${end}`} className="text-accent">
        @<Visible text={id} />
      </strong>,
    );
  }
  return (
    <>
      {parts}
      <Visible text={text.slice(end)} lines />
    </>
  );
}
