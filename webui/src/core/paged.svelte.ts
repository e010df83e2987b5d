// A long list that comes in keyset pages and is read as far as somebody looks.
import { isAbort } from "./api";
import type { Page } from "./types";

export const PAGE = 200;
const CATCH_UP = 1000;

export type FetchPage<T> = (
  after: string | null,
  limit: number,
  signal: AbortSignal,
) => Promise<Page<T>>;

export class PagedList<T> {
  items = $state.raw<T[]>([]);
  total = $state(0);
  status = $state<"idle" | "loading" | "ready" | "failed">("idle");
  error = $state.raw<unknown>(null);
  /** The rows answer an earlier question; those of the new one are on their way. */
  asking = $state(false);

  #fetch: FetchPage<T>;
  #next: string | null = null;
  #wanted = 0;
  #stop = new AbortController();
  #busy = false;

  constructor(fetch: FetchPage<T>) {
    this.#fetch = fetch;
  }

  get complete(): boolean {
    return this.status === "ready" && this.#next === null;
  }

  /** Start over; the old rows stay until the first new page is here, or fails to come. */
  async reset(): Promise<void> {
    this.#stop.abort();
    const stop = (this.#stop = new AbortController());
    this.#wanted = 0;
    this.#busy = false;
    this.asking = true;
    const ok = await this.#load(null, PAGE, (page) => (this.items = page.items));
    if (stop !== this.#stop) return;
    this.asking = false;
    if (!ok) this.items = [];
  }

  /** Start over with something else: none of the old rows would be true. */
  async restart(): Promise<void> {
    this.items = [];
    this.total = 0;
    await this.reset();
  }

  /** Read on until row `index` is here. */
  need(index: number): void {
    this.#wanted = Math.max(this.#wanted, Math.min(index, this.total - 1));
    void this.#readOn();
  }

  /** Read again what was read, then replace it at once; rows and scroll stay meanwhile. */
  async refresh(): Promise<void> {
    if (this.status === "idle") return;
    const enough = Math.max(this.items.length, PAGE);
    let fresh: T[] = [];
    let after: string | null = null;
    do {
      const limit = enough > PAGE ? CATCH_UP : PAGE;
      const ok: boolean = await this.#load(after, limit, (page) => {
        fresh = [...fresh, ...page.items];
        after = page.next;
      });
      if (!ok) return;
    } while (after !== null && fresh.length < enough);
    this.items = fresh;
  }

  /** Replace single rows in place. */
  patch(change: (item: T) => T): void {
    this.items = this.items.map(change);
  }

  async #readOn(): Promise<void> {
    while (!this.#busy && this.#next !== null && this.#wanted >= this.items.length) {
      const limit = this.#wanted > this.items.length + 2 * PAGE ? CATCH_UP : PAGE;
      const ok = await this.#load(this.#next, limit, (page) => {
        this.items = [...this.items, ...page.items];
      });
      if (!ok) return;
    }
  }

  async #load(after: string | null, limit: number, use: (page: Page<T>) => void): Promise<boolean> {
    const stop = this.#stop;
    this.#busy = true;
    if (this.status !== "ready") this.status = "loading";
    try {
      const page = await this.#fetch(after, limit, stop.signal);
      if (stop.signal.aborted) return false;
      use(page);
      this.#next = page.next;
      this.total = page.total;
      this.status = "ready";
      this.error = null;
      return true;
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
