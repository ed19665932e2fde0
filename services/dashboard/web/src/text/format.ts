// Amounts, times and names of states, for people.
import { type Duration, durationMs, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

import type { Money } from "../gen/assent/types/v1/types_pb";

export function money(amount: Money | undefined): string {
  if (amount === undefined) return "–";
  const value = Number(amount.micros) / 1e6;
  const digits = value !== 0 && Math.abs(value) < 0.1 ? 4 : 2;
  return `$${value.toFixed(digits).replace(/(\.\d\d)0+$/, "$1")}`;
}

export const millis = (at: Timestamp | undefined): number | undefined =>
  at === undefined ? undefined : timestampDate(at).getTime();

/** `3 d 4 h`, `2 min 5 s`: the two largest units. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds === 0) return ms > 0 ? "<1 s" : "0 s";
  const units: [string, number][] = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
  const parts: string[] = [];
  let rest = seconds;
  for (const [name, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

export const duration = (value: Duration | undefined): string => (value === undefined ? "–" : span(durationMs(value)));

export function moment(at: Timestamp | undefined): string {
  if (at === undefined) return "–";
  return timestampDate(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** `ago` of a moment that is past. */
export const since = (at: Timestamp | undefined, now: number): string =>
  at === undefined ? "–" : span(now - (millis(at) ?? now));

/** `MODIFICATION_REQUESTED` of the enum as `Modification requested`. */
export function words(names: Record<number, string>, value: number): string {
  const text = (names[value] ?? "unknown").toLowerCase().replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What a person types to show which version they decide on: the first digits of its digest. */
export const shortCode = (digest: string): string => digest.slice(0, 6);
