import { Visible } from "../../text/Visible";
import { suspicious } from "../../text/visible";
import type { CoveredField } from "./covered";

export function CoveredFields({ fields }: { fields: CoveredField[] }) {
  const odd = fields.reduce((sum, { value }) => sum + suspicious(value), 0);
  return (
    <>
      {odd > 0 && (
        <p role="note" className="mb-2 rounded-md bg-critical-ground p-2 text-critical">
          {odd} {odd === 1 ? "character here cannot be seen, or looks" : "characters here cannot be seen, or look"} like another.
        </p>
      )}
      <dl className="grid grid-cols-[max-content_1fr] gap-x-4 gap-y-1 max-sm:grid-cols-1">
        {fields.map(({ name, value, code }) => (
          <div key={name} className="contents">
            <dt className="text-soft">{name}</dt>
            <dd className="min-w-0">
              {code ? (
                <code className="block overflow-x-auto rounded bg-raised p-2">
                  <Visible text={value} lines />
                </code>
              ) : (
                <Visible text={value} lines />
              )}
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}
