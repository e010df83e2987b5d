// Which rows of gridstats are picked: some by their keys, or everything that fits.
import type { JobRow } from "../core/types-jobs";
import { isForeign } from "./view";

export class Picks {
  some = $state.raw<ReadonlyMap<string, JobRow>>(new Map());
  everything = $state(false);

  #anchor = -1;
  #at: (place: number) => JobRow | undefined;
  #indexOf: (key: string) => number;

  constructor(at: (place: number) => JobRow | undefined, indexOf: (key: string) => number) {
    this.#at = at;
    this.#indexOf = indexOf;
  }

  clear(): void {
    this.some = new Map();
    this.everything = false;
    this.#anchor = -1;
  }

  has(job: JobRow): boolean {
    return (this.everything && !isForeign(job)) || this.some.has(job.key);
  }

  toggleAll(): void {
    const all = !this.everything;
    this.clear();
    this.everything = all;
  }

  /** Pick a row or let go of it; a range adds all from the last one. */
  toggle(at: number, range: boolean): void {
    const next = new Map(this.some);
    const job = this.#at(at);
    if (!job || isForeign(job)) return;
    if (range && this.#anchor >= 0) {
      const [from, to] = [Math.min(this.#anchor, at), Math.max(this.#anchor, at)];
      for (let i = from; i <= to; i++) {
        const one = this.#at(i);
        if (one && !isForeign(one)) next.set(one.key, one);
      }
    } else if (!next.delete(job.key)) next.set(job.key, job);
    this.everything = false;
    this.#anchor = at;
    this.some = next;
  }

  /** The picked rows, as they are now. */
  rows(): JobRow[] {
    return [...this.some.values()].map((job) => this.#at(this.#indexOf(job.key)) ?? job);
  }
}
