import type { Timestamp } from "@bufbuild/protobuf/wkt";

import { millis, moment, span } from "../text/format";
import { useNow } from "./now";

const SOON = 60 * 60 * 1000;

/** How long there is to decide. */
export function Deadline({ at, overdue = false }: { at: Timestamp | undefined; overdue?: boolean }) {
  const now = useNow();
  const end = millis(at);
  if (end === undefined) return <span className="text-soft">no deadline</span>;
  const left = end - now;
  const late = overdue || left <= 0;
  const tone = late ? "text-critical font-semibold" : left < SOON ? "text-high font-semibold" : "";
  return (
    <time dateTime={new Date(end).toISOString()} title={moment(at)} className={`tabular-nums ${tone}`}>
      {late ? `${span(-left)} over time` : `${span(left)} left`}
    </time>
  );
}
