import type { PlanConflicts } from "../../gen/assent/plan/v1/version_pb";
import { Visible } from "../../text/Visible";
import { Button, TableHead } from "../../ui/parts";
import { valueText } from "../versions/Differences";

/** Where one's own edits and a version of somebody else do not go together, and the two ways out. */
export function Conflicts({ conflicts, onMine, onTheirs }: { conflicts: PlanConflicts; onMine: () => void; onTheirs: () => void }) {
  const { baseVersion, headVersion } = conflicts;
  return (
    <div role="alert" className="mt-3 rounded-md border border-critical p-3">
      <h3>
        Version {headVersion} changed the same as you, since version {baseVersion}
      </h3>
      <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Conflicts">
        <table className="my-2 w-full border-collapse">
          <TableHead names={["What", `Version ${baseVersion}`, `Theirs (version ${headVersion})`, "Yours"]} />
          <tbody>
            {conflicts.conflicts.map((conflict, index) => (
              <tr key={index} className="border-b border-line align-top">
                <th scope="row" className="p-2 font-normal">
                  <code>{[conflict.itemId, conflict.field].filter((part) => part !== "").join(" ")}</code>
                  <span className="block text-sm">
                    <Visible text={conflict.description} />
                  </span>
                </th>
                {[conflict.base, conflict.theirs, conflict.yours].map((value, column) => (
                  <td key={column} className="p-2">
                    <code>{value === undefined ? "–" : <Visible text={valueText(value)} lines />}</code>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button onClick={onMine}>Put mine on top of version {headVersion}</Button>
        <Button onClick={onTheirs}>Keep theirs, drop my edits</Button>
      </div>
    </div>
  );
}
