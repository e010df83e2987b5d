// A table as it is shown: which rows have been fetched, what filters, sorts and hides.
import { isAbort } from "../core/api";
import type { TableColumn, TableSource, TableWish } from "./wish";

export const PAGE = 200;
/** Rows beyond cannot be scrolled to: browsers limit the height of an element. */
export const MOST_SCROLLED = 500_000;
/** Columns shown before somebody chooses. */
export const MOST_COLUMNS = 60;
const MOST_COPIED = 20_000;

export class Table {
  columns: TableColumn[] = $state.raw([]);
  total = $state(0);
  matching = $state(0);
  note = $state("");
  sheets: readonly string[] = $state.raw([]);
  sheet = $state(0);
  error: unknown = $state.raw(null);
  ready = $state(false);
  sort = $state("");
  find = $state("");
  where: Record<number, string> = $state.raw({});
  /** Columns that are shown, in the order of the file. */
  chosen: number[] = $state.raw([]);
  private pages: ReadonlyMap<number, unknown[][]> = $state.raw(new Map());
  private asked = new Set<number>();
  private stop = new AbortController();

  constructor(private readonly source: TableSource) {}

  get wish(): TableWish {
    const where = Object.entries(this.where)
      .filter(([, told]) => told.trim() !== "")
      .map(([at, told]) => `${at}:${told}`);
    const sheet = this.sheet ? { sheet: this.sheet } : {};
    return { sort: this.sort, find: this.find, where, ...sheet };
  }

  get filtered(): boolean {
    return this.find.trim() !== "" || Object.values(this.where).some((told) => told.trim() !== "");
  }

  row(index: number): unknown[] | undefined {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Fetch the pages that hold these rows, unless they are there or on their way. */
  need(first: number, last: number): void {
    for (let page = Math.floor(first / PAGE); page * PAGE < Math.max(1, last); page++)
      if (!this.asked.has(page)) void this.fetch(page);
  }

  private async fetch(page: number): Promise<void> {
    this.asked.add(page);
    const { signal } = this.stop;
    // Which columns there are is known after the first answer.
    const columns = this.ready ? { columns: this.chosen } : {};
    const wish = { ...this.wish, ...columns, offset: page * PAGE, limit: PAGE };
    try {
      const found = await this.source(wish, signal);
      if (signal.aborted) return;
      this.columns = found.columns;
      this.total = found.total;
      this.matching = found.n_matching;
      this.note = found.note;
      this.sheets = found.sheets ?? [];
      if (!this.ready) {
        this.chosen = found.shown.slice(0, MOST_COLUMNS);
        this.ready = true;
        found.rows = found.rows.map((row) => row.slice(0, MOST_COLUMNS + 1));
      }
      this.pages = new Map([...this.pages, [page, found.rows]]);
      this.error = null;
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      this.error = error;
    }
  }

  /** Forget what was fetched and ask anew. */
  again(): void {
    this.stop.abort();
    this.stop = new AbortController();
    this.asked = new Set();
    this.pages = new Map();
    this.error = null;
    this.need(0, 1);
  }

  /** Show another sheet of the workbook, as if it had just been opened. */
  open(sheet: number): void {
    [this.sheet, this.sort, this.find, this.where, this.ready] = [sheet, "", "", {}, false];
    this.again();
  }

  sortBy(at: number): void {
    this.sort = this.sort === `${at}` ? `-${at}` : this.sort === `-${at}` ? "" : `${at}`;
    this.again();
  }

  clear(): void {
    this.find = "";
    this.where = {};
    this.again();
  }

  choose(columns: readonly number[]): void {
    this.chosen = [...columns].sort((a, b) => a - b);
    this.again();
  }

  /** Rows as shown, with their titles, for a spreadsheet. */
  async copy(): Promise<{ content: string; n: number }> {
    const wish = { ...this.wish, columns: this.chosen, limit: MOST_COPIED };
    const { rows } = await this.source(wish);
    const titles = this.chosen.map((at) => this.columns[at]!.name);
    const lines = rows.map((row) => row.slice(1).map(cellText));
    return { content: [titles, ...lines].map(tabbed).join("\n"), n: rows.length };
  }

  /** Values of some columns, evenly from all rows that fit. */
  sample(columns: readonly number[], limit: number, signal: AbortSignal) {
    return this.source({ ...this.wish, columns, limit, spread: true }, signal);
  }

  close(): void {
    this.stop.abort();
  }
}

export const cellText = (value: unknown): string =>
  value === null || value === undefined ? "" : String(value);

const tabbed = (cells: readonly string[]): string =>
  cells.map((cell) => cell.replace(/[\t\r\n]+/g, " ")).join("\t");
