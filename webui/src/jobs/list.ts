// The rows of gridstats: read page by page, and by number where somebody jumps far.
import { api, type Query } from "../core/api";
import type { Page } from "../core/types";
import type { JobRow } from "../core/types-jobs";
import { RowList } from "../table/rows.svelte";

export type Row = JobRow & { id: string };

/** A list of the jobs that a question asks for, as it is at each moment. */
export function jobList(question: () => Query & { sort: string }): RowList<Row> {
  async function read(more: Query, signal: AbortSignal): Promise<Page<Row>> {
    const page = await api.get<Page<JobRow>>("/jobs", { ...question(), ...more }, signal);
    return { ...page, items: page.items.map((job) => ({ ...job, id: job.key })) };
  }
  return new RowList<Row>(
    (backwards, after, limit, signal) => {
      const { sort } = question();
      const order = backwards ? `-${sort}`.replace(/^--/, "") : sort;
      return read({ sort: order, after, limit }, signal);
    },
    (offset, limit, signal) => read({ offset, limit }, signal),
  );
}

const AGAIN_S = 5;

/** Gives the time; now and then asks for rows anew while running jobs tell their progress, which
 * is no event. */
export function ticked(list: RowList<Row>, ask: () => void): number {
  const now = Date.now();
  const due = Math.floor(now / 1000) % AGAIN_S === 0 && !document.hidden;
  if (due && list.loaded().some((job) => job.letter === "r" && job.why)) ask();
  return now;
}
