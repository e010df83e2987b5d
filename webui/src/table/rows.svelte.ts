// A long list read in keyset pages from both ends, so that its first and last rows are near.
import { isAbort } from "../core/api";
import type { FetchPage } from "../core/paged.svelte";

const PAGE = 200;
const CATCH_UP = 1000;
const DEEP = 5000;
/** From so many rows that would have to be read first, those in sight are asked for by number. */
const FAR = 1500;
const AROUND = 100;

/** Read a page in the list's order, or backwards from its end. */
export type FetchRows<T> = (
  backwards: boolean,
  ...rest: Parameters<FetchPage<T>>
) => ReturnType<FetchPage<T>>;

/** Read a page by the number of its first row, in the list's order. */
export type FetchAt<T> = (
  offset: number,
  limit: number,
  signal: AbortSignal,
) => ReturnType<FetchPage<T>>;

/** Which end is nearer to a row that is missing: rows to read until it is here. */
export function nearerEnd(
  index: number,
  head: number,
  tail: number,
  total: number,
): { backwards: boolean; far: number } {
  const fromHead = index + 1 - head;
  const fromTail = total - tail - index;
  return fromTail < fromHead
    ? { backwards: true, far: fromTail }
    : { backwards: false, far: fromHead };
}

export class RowList<T extends { id: number | string }> {
  /** Rows from the beginning, without a gap. */
  head = $state.raw<T[]>([]);
  /** Rows from the end, the last one first. */
  tail = $state.raw<T[]>([]);
  /** Rows around a far place that somebody jumped to, and the number of the first one. */
  island = $state.raw<{ start: number; rows: T[] }>({ start: 0, rows: [] });
  total = $state(0);
  status = $state<"idle" | "loading" | "ready" | "failed">("idle");
  error = $state.raw<unknown>(null);
  /** Whether something has changed that is not shown yet. */
  stale = false;
  /** How long the last new question took to be answered. */
  lastMs = 0;

  #fetch: FetchRows<T>;
  #fetchAt: FetchAt<T> | null;
  #headNext: string | null = null;
  #tailNext: string | null = null;
  #wanted: [number, number] = [0, 0];
  #range: [number, number] | null = null;
  #stop = new AbortController();
  #busy = false;
  #refreshing: Promise<void> | null = null;
  #again = false;

  /** With `fetchAt` a far place is read at once, without what lies before it. */
  constructor(fetch: FetchRows<T>, fetchAt: FetchAt<T> | null = null) {
    this.#fetch = fetch;
    this.#fetchAt = fetchAt;
  }

  get empty(): boolean {
    return this.head.length === 0;
  }

  get complete(): boolean {
    return this.status === "ready" && this.head.length + this.tail.length >= this.total;
  }

  at(index: number): T | undefined {
    const { start, rows } = this.island;
    return this.head[index] ?? this.tail[this.total - 1 - index] ?? rows[index - start];
  }

  /** Place of a row by its id, or -1. */
  indexOf(id: T["id"]): number {
    const near = this.head.findIndex((row) => row.id === id);
    if (near >= 0) return near;
    const far = this.tail.findIndex((row) => row.id === id);
    if (far >= 0) return this.total - 1 - far;
    const there = this.island.rows.findIndex((row) => row.id === id);
    return there < 0 ? -1 : this.island.start + there;
  }

  /** Rows that are here whose id is among these, with their places. */
  placesOf(ids: ReadonlySet<T["id"]>): { index: number; row: T }[] {
    const found: { index: number; row: T }[] = [];
    this.head.forEach((row, index) => ids.has(row.id) && found.push({ index, row }));
    this.tail.forEach((row, i) => {
      const index = this.total - 1 - i;
      if (ids.has(row.id) && index >= this.head.length) found.push({ index, row });
    });
    this.#inland().forEach(({ index, row }) => ids.has(row.id) && found.push({ index, row }));
    return found;
  }

  /** Every row that is here; all of them when the list is complete. */
  loaded(): T[] {
    const gap = Math.max(0, this.total - this.head.length);
    const between = this.#inland().map(({ row }) => row);
    return [...this.head, ...between, ...this.tail.slice(0, gap).reverse()];
  }

  /** Rows of the island that are neither in the head nor in the tail, with their places. */
  #inland(): { index: number; row: T }[] {
    const end = this.total - this.tail.length;
    return this.island.rows
      .map((row, i) => ({ index: this.island.start + i, row }))
      .filter(({ index }) => index >= this.head.length && index < end);
  }

  /** Start over; the old rows stay until the first new page is here. */
  async reset(): Promise<void> {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#wanted = [0, 0];
    this.#busy = false;
    this.stale = false;
    const start = performance.now();
    const ok = await this.#load(false, null, PAGE, (items, next) => this.#start(items, next));
    if (ok) this.lastMs = performance.now() - start;
  }

  /** Read on until the rows from `first` to `last` are here. */
  need(first: number, last: number): void {
    this.#wanted = [Math.max(0, first), Math.min(last, this.total - 1)];
    if (this.stale && last + PAGE < DEEP) void this.refresh();
    else void this.#readOn();
  }

  /** Wait until the rows from `first` to `last` are here, or reading fails. */
  async ensure(first: number, last: number): Promise<void> {
    const stop = this.#stop;
    this.#range = [first, Math.min(last, this.total - 1)];
    let before = -1;
    while (this.#missing() !== null && stop === this.#stop && this.status !== "failed") {
      if (this.#busy) {
        await new Promise((done) => setTimeout(done, 20));
        continue;
      }
      const here = this.head.length + this.tail.length;
      if (here === before) break; // the service has fewer rows than it said
      before = here;
      await this.#readOn();
    }
    this.#range = null;
  }

  /**
   * Read again from the beginning what is in sight, then replace it at once. Deep in a long list
   * that would be thousands of rows for each change: there it waits until somebody comes back up.
   */
  async refresh(): Promise<void> {
    this.#again = true;
    this.#refreshing ??= this.#refreshAll();
    await this.#refreshing;
  }

  /** One after the other, however many ask meanwhile: two at once would mix their pages. */
  async #refreshAll(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        await this.#refreshOnce();
      }
    } finally {
      this.#refreshing = null;
    }
    void this.#readOn();
  }

  async #refreshOnce(): Promise<void> {
    if (this.status === "idle") return;
    const [first, last] = this.#wanted;
    if (this.#onIsland(first)) return this.#refreshIsland();
    const inHead = first < this.head.length;
    const enough = inHead ? Math.min(this.head.length, Math.max(last + 1, 0) + PAGE) : PAGE;
    this.stale = inHead && enough > DEEP;
    if (this.stale) return;
    let fresh: T[] = [];
    let after: string | null = null;
    do {
      const limit = enough > PAGE ? CATCH_UP : PAGE;
      const ok: boolean = await this.#load(false, after, limit, (items, next) => {
        fresh = [...fresh, ...items];
        after = next;
      });
      if (!ok) return;
    } while (after !== null && fresh.length < enough);
    this.#start(fresh, after);
  }

  #onIsland(index: number): boolean {
    const { start, rows } = this.island;
    return rows.length > 0 && index >= start && index < start + rows.length;
  }

  /** What is in sight lies far away: only that is read again, and the first page. */
  async #refreshIsland(): Promise<void> {
    const [first, last] = this.#wanted;
    const start = Math.max(0, first - AROUND);
    let rows: T[] = [];
    if (!(await this.#loadAt(start, last - start + AROUND, (found) => (rows = found)))) return;
    await this.#load(false, null, PAGE, (items, next) => {
      this.#start(items, next);
      this.island = { start, rows };
    });
  }

  /** Replace single rows in place. */
  patch(change: (row: T) => T): void {
    this.head = this.head.map(change);
    this.tail = this.tail.map(change);
    this.island = { ...this.island, rows: this.island.rows.map(change) };
  }

  /** These are the first rows now; nothing is known of the end. */
  #start(rows: T[], next: string | null): void {
    this.head = rows;
    this.#headNext = next;
    this.tail = [];
    this.#tailNext = null;
    this.island = { start: 0, rows: [] };
  }

  #missing(): number | null {
    for (const [first, last] of this.#range ? [this.#wanted, this.#range] : [this.#wanted]) {
      const end = Math.min(last, this.total - 1);
      for (let index = Math.max(first, 0); index <= end; index++)
        if (this.at(index) === undefined) return index;
    }
    return null;
  }

  async #readOn(): Promise<void> {
    while (!this.#busy && !this.#refreshing && this.status === "ready") {
      const index = this.#missing();
      if (index === null || index >= this.total) return;
      const end = nearerEnd(index, this.head.length, this.tail.length, this.total);
      if (this.#fetchAt && end.far > FAR && !this.#range) {
        if (!(await this.#readIsland(index))) return;
        continue;
      }
      const limit = end.far > 2 * PAGE ? CATCH_UP : PAGE;
      const ok = end.backwards ? await this.#readTail(limit) : await this.#readHead(limit);
      if (!ok) return;
    }
  }

  /** Read around a far row; what was there before and touches it is kept. */
  async #readIsland(index: number): Promise<boolean> {
    const [head, old] = [this.head, this.island];
    const end = old.start + old.rows.length;
    const onward = old.rows.length > 0 && index >= old.start && index <= end + AROUND;
    const back = old.rows.length > 0 && index < old.start && index >= old.start - 2 * AROUND;
    const start = onward ? end : Math.max(0, back ? old.start - 2 * AROUND : index - AROUND);
    const limit = back ? old.start - start : 4 * AROUND;
    const known = new Set(old.rows.map((row) => row.id));
    return this.#loadAt(start, limit, (rows) => {
      if (this.head !== head || this.island !== old) return;
      const moved = (onward || back) && rows.some((row) => known.has(row.id)); // read all anew
      if (moved) this.island = { start: 0, rows: [] };
      else if (onward) this.island = { start: old.start, rows: [...old.rows, ...rows] };
      else this.island = { start, rows: back ? [...rows, ...old.rows] : rows };
    });
  }

  /** Rows that come after the list was read anew belong to the old one: they are dropped. */
  async #readHead(limit: number): Promise<boolean> {
    const [head, from] = [this.head, this.#headNext];
    if (from === null && head.length > 0) return false; // it has grown: a refresh is on its way
    return this.#load(false, from, limit, (items, next) => {
      if (this.head !== head) return;
      this.head = [...head, ...items];
      this.#headNext = next;
    });
  }

  async #readTail(limit: number): Promise<boolean> {
    const [head, tail, from] = [this.head, this.tail, this.#tailNext];
    if (from === null && tail.length > 0) return false;
    return this.#load(true, from, limit, (items, next) => {
      if (this.head !== head || this.tail !== tail) return;
      this.tail = [...tail, ...items];
      this.#tailNext = next;
    });
  }

  #load(
    backwards: boolean,
    after: string | null,
    limit: number,
    use: (items: T[], next: string | null) => void,
  ): Promise<boolean> {
    return this.#ask((signal) => this.#fetch(backwards, after, limit, signal), use);
  }

  #loadAt(offset: number, limit: number, use: (items: T[]) => void): Promise<boolean> {
    return this.#ask((signal) => this.#fetchAt!(offset, limit, signal), use);
  }

  async #ask(
    fetch: (signal: AbortSignal) => ReturnType<FetchPage<T>>,
    use: (items: T[], next: string | null) => void,
  ): Promise<boolean> {
    const stop = this.#stop;
    this.#busy = true;
    if (this.status !== "ready") this.status = "loading";
    try {
      const page = await fetch(stop.signal);
      if (stop.signal.aborted) return false;
      this.total = page.total;
      use(page.items, page.next);
      this.status = "ready";
      this.error = null;
      return page.items.length > 0 || page.total === 0;
    } catch (error) {
      if (!stop.signal.aborted && !isAbort(error)) {
        this.error = error;
        this.status = "failed";
      }
      return false;
    } finally {
      if (stop === this.#stop) this.#busy = false;
    }
  }
}
