import { visible } from "./visible";

/** Text that somebody else wrote. Never markup: it is shown as it is, with what hides in it made visible. */
export function Visible({ text, lines = false }: { text: string; lines?: boolean }) {
  return (
    <bdi className={lines ? "whitespace-pre-wrap break-words" : "break-words"}>
      {visible(text, lines).map(({ kind, shown, note }, index) =>
        kind === "plain" ? (
          shown
        ) : (
          <mark key={index} className={kind === "hidden" ? "mark-hidden" : "mark-lookalike"} title={note}>
            {shown}
            <span className="sr-only"> ({note})</span>
          </mark>
        ),
      )}
    </bdi>
  );
}
