import { useState } from "react";

import { type PendingSession } from "../gen/assent/approval/v1/explanation_pb";
import type { PlanReviewSession } from "../gen/assent/review/v1/session_pb";
import { setSearch, useSearch } from "../router/router";
import { Select, TextField } from "../ui/Field";
import { Button, Failure, Nothing, Waiting } from "../ui/parts";
import { type Filters, matches, ORDERS, readFilters, sorted, VIEWS } from "./filters";
import { LowRun, lowOnes } from "./LowRun";
import { Row } from "./Row";
import { useQueue } from "./useQueue";

const RISKS = [["", "Any"], ["critical", "Critical"], ["high", "High"], ["medium", "Medium"], ["low", "Low"]] as const;
const PRIORITIES = [["", "Any"], ["urgent", "Urgent"], ["high", "High"], ["normal", "Normal"], ["low", "Low"]] as const;

export interface Waiting {
  session: PlanReviewSession;
  /** Why the caller can act on it; none when they cannot, or nobody asked. */
  pending?: PendingSession;
}

export function QueuePage() {
  const search = useSearch();
  const filters = readFilters(search);
  const queue = useQueue(filters);
  const rows = sorted(
    queue.rows.filter(({ session }) => matches(session, filters)),
    filters.order,
    ({ session }) => session,
  );
  // Those that were there when the run began: what comes meanwhile is looked at next time.
  const [run, setRun] = useState<string[] | null>(null);
  const low = lowOnes(rows);
  return (
    <>
      <h1 className="mb-3">Reviews</h1>
      <nav aria-label="Views" className="mb-4 flex flex-wrap gap-2">
        {VIEWS.map(([view, name]) => (
          <Button
            key={view}
            tone={filters.view === view ? "main" : "plain"}
            aria-pressed={filters.view === view}
            onClick={() => setSearch({ view: view === "mine" ? "" : view })}
          >
            {name}
          </Button>
        ))}
        {low.length > 0 && (
          <Button className="ml-auto" onClick={() => setRun(low)}>
            Go through {low.length} of low risk …
          </Button>
        )}
      </nav>
      {run !== null && <LowRun ids={run} onClose={() => setRun(null)} />}
      <FilterBar filters={filters} search={search} />
      {queue.error !== null && <Failure error={queue.error} retry={queue.retry} />}
      {queue.loading ? (
        <Waiting what="reviews" />
      ) : (
        <List rows={rows} filters={filters} loaded={queue.rows.length} failed={queue.error !== null} />
      )}
      {queue.more !== undefined && (
        <div className="mt-3">
          <Button onClick={queue.more}>Load more</Button>
        </div>
      )}
    </>
  );
}

function FilterBar({ filters, search }: { filters: Filters; search: URLSearchParams }) {
  return (
    <form
      role="search"
      aria-label="Reviews"
      className="mb-4 grid gap-3 sm:grid-cols-[2fr_1fr_1fr_1fr]"
      onSubmit={(event) => event.preventDefault()}
    >
      <TextField
        label="Search goal, requester or id"
        type="search"
        value={filters.text}
        onChange={(event) => setSearch({ q: event.target.value })}
      />
      <Select
        label="Risk"
        options={RISKS}
        value={search.get("risk") ?? ""}
        onChange={(event) => setSearch({ risk: event.target.value })}
      />
      <Select
        label="Priority"
        options={PRIORITIES}
        value={search.get("priority") ?? ""}
        onChange={(event) => setSearch({ priority: event.target.value })}
      />
      <Select
        label="Order"
        options={ORDERS}
        value={filters.order}
        onChange={(event) => setSearch({ sort: event.target.value })}
      />
    </form>
  );
}

function List({ rows, filters, loaded, failed }: { rows: Waiting[]; filters: Filters; loaded: number; failed: boolean }) {
  if (rows.length === 0) {
    if (failed) return null;
    if (loaded > 0) return <Nothing>None of the {loaded} reviews that are loaded match.</Nothing>;
    if (filters.view === "mine") return <Nothing>Nothing waits for you.</Nothing>;
    return <Nothing>{filters.view === "open" ? "No review is open." : "Nothing has been decided yet."}</Nothing>;
  }
  return (
    <ul aria-label="Reviews" className="flex flex-col gap-2">
      {rows.map((row) => (
        <Row key={`${row.session.id} ${row.pending?.delegator ?? ""}`} row={row} />
      ))}
    </ul>
  );
}
