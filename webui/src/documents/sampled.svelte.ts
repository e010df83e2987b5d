// Rows of a table for a plot: an even sample of those that fit, asked for anew when columns change.
import { isAbort } from "../core/api";
import type { Table } from "./table.svelte";

const MOST = 10_000;
const WAIT_MS = 200;

export class Sample {
  rows: unknown[][] | null = $state.raw(null);
  n = $state(0);
  error: unknown = $state.raw(null);

  /** Made while a component starts; `columns` may change. */
  constructor(
    table: Table,
    private readonly columns: () => readonly number[],
  ) {
    $effect(() => {
      void table.wish;
      const wanted = columns();
      const stop = new AbortController();
      const timer = setTimeout(() => {
        table.sample(wanted, MOST, stop.signal).then(
          ({ rows, n_matching }) => {
            if (!stop.signal.aborted) [this.rows, this.n, this.error] = [rows, n_matching, null];
          },
          (reason: unknown) => {
            if (!isAbort(reason) && !stop.signal.aborted) this.error = reason;
          },
        );
      }, WAIT_MS);
      return () => {
        clearTimeout(timer);
        stop.abort();
      };
    });
  }

  /** Values of a column, which has been asked for. */
  values(column: number): unknown[] {
    const at = this.columns().indexOf(column) + 1;
    return (this.rows ?? []).map((row) => row[at]);
  }
}
