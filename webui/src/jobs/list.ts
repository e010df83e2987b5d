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
