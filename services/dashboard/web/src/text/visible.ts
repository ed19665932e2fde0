// Untrusted text, taken apart so that whatever a reader could not see, or could take for something else, is seen.

export interface Piece {
  kind: "plain" | "hidden" | "lookalike";
  /** What to show. */
  shown: string;
  /** What it is, for the title; empty for plain text. */
  note: string;
}

// As the command line does it: controls, and characters that reorder text or take no room.
const HIDDEN =
  /[\p{Cc}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/u;

// Letters of other scripts that look like those of ASCII (from Unicode's confusables, UTS #39; the common ones).
const LOOKALIKES = new Map(
  Object.entries({
    а: "a", е: "e", о: "o", р: "p", с: "c", у: "y", х: "x", і: "i", ј: "j", ѕ: "s", ԁ: "d", ԛ: "q", ԝ: "w", һ: "h", ӏ: "l",
    А: "A", В: "B", Е: "E", К: "K", М: "M", Н: "H", О: "O", Р: "P", С: "C", Т: "T", Х: "X", Ѕ: "S", І: "I", Ј: "J", У: "Y",
    α: "a", ο: "o", ν: "v", ρ: "p", ι: "i", κ: "k", υ: "u", γ: "y", Α: "A", Β: "B", Ε: "E", Ζ: "Z", Η: "H", Ι: "I", Κ: "K",
    Μ: "M", Ν: "N", Ο: "O", Ρ: "P", Τ: "T", Υ: "Y", Χ: "X", ɡ: "g", ɑ: "a", ı: "i", "ⅼ": "l", "∕": "/", "⁄": "/", "։": ":",
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "−": "-", "․": ".", "ꓸ": ".", "٠": ".",
  }),
);
const FULLWIDTH = /[\uff01-\uff5e]/u;
const ASCII_LETTER = /[A-Za-z]/;
const LETTER = /\p{L}/u;
// A space that is none: it separates words for the eye and not for a program.
const ODD_SPACE = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/u;

const codePoint = (c: string): string => `U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;

const PRINTABLE = /^[ -~]*$/;
const PRINTABLE_LINES = /^[ -~\n\t]*$/;

/** `\n` and tabs stay as they are when `lines` is set: for text that is shown with its line breaks. */
export function visible(text: string, lines = false): Piece[] {
  // Most texts hide nothing, and need not be looked at letter by letter.
  if (text !== "" && (lines ? PRINTABLE_LINES : PRINTABLE).test(text)) return [{ kind: "plain", shown: text, note: "" }];
  const pieces: Piece[] = [];
  // A word of another script is a word of that language, unless it is mixed with ASCII or looks like ASCII all over.
  for (const word of text.split(/(\s+)/u)) {
    const letters = [...word].filter((c) => LETTER.test(c));
    const deceives = ASCII_LETTER.test(word) || letters.every((c) => LOOKALIKES.has(c));
    for (const c of word) pieces.push(piece(c, deceives, lines));
  }
  return joined(pieces);
}

function piece(c: string, deceives: boolean, lines: boolean): Piece {
  if (lines && (c === "\n" || c === "\t")) return { kind: "plain", shown: c, note: "" };
  if (HIDDEN.test(c) || ODD_SPACE.test(c)) {
    const short = c === "\n" ? "\\n" : c === "\t" ? "\\t" : c === "\r" ? "\\r" : codePoint(c);
    return { kind: "hidden", shown: short, note: `${codePoint(c)}, a character that cannot be seen` };
  }
  const wide = FULLWIDTH.test(c);
  const like = wide ? String.fromCodePoint((c.codePointAt(0) ?? 0) - 0xfee0) : LOOKALIKES.get(c);
  if (like !== undefined && (wide || deceives)) {
    return { kind: "lookalike", shown: c, note: `${codePoint(c)}, which looks like "${like}"` };
  }
  return { kind: "plain", shown: c, note: "" };
}

function joined(pieces: Piece[]): Piece[] {
  const result: Piece[] = [];
  for (const one of pieces) {
    const last = result.at(-1);
    if (one.kind === "plain" && last?.kind === "plain") last.shown += one.shown;
    else result.push({ ...one });
  }
  return result;
}

/** How many characters of a text deserve a look. */
export function suspicious(text: string): number {
  return visible(text, true).filter(({ kind }) => kind !== "plain").length;
}
