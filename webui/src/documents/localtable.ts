// A CSV or TSV file of this computer, answered as the service would; it is never sent anywhere.
import { sheetRows } from "./sheet";
import type { TableColumn, TablePage, TableSource, TableWish } from "./wish";

type Cell = string | number | boolean | null;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const BLANK = /^(|na|nan|n\/a|null)$/i;

/** Cells of a text with quotes; a quote within quotes is doubled. */
export function cellsOf(text: string, separator: string): string[][] {
  const rows: string[][] = [];
  let [row, cell, quoted] = [[] as string[], "", false];
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') cell += text[++i]!;
      else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === separator) [row, cell] = [[...row, cell], ""];
    else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[i + 1] === "\n") i++;
      rows.push([...row, cell]);
      [row, cell] = [[], ""];
    } else cell += c;
  }
  if (cell || row.length) rows.push([...row, cell]);
  return rows.filter((one) => one.length > 1 || one[0] !== "");
}

export function separatorOf(text: string, name: string): string {
  if (/\.(tsv|tab)$/i.test(name)) return "\t";
  const line = text.slice(0, 65536).split(/\r?\n/, 1)[0] ?? "";
  const count = (c: string): number => line.split(c).length;
  return [",", ";", "\t"].reduce((a, b) => (count(b) > count(a) ? b : a));
}

function kindOf(cells: readonly string[]): TableColumn["kind"] {
  const present = cells.filter((cell) => !BLANK.test(cell.trim()));
  if (!present.length) return "text";
  if (present.every((cell) => NUMBER.test(cell.trim()))) return "number";
  if (present.every((cell) => /^(true|false)$/i.test(cell.trim()))) return "truth";
  return present.every((cell) => /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$/.test(cell))
    ? "time"
    : "text";
}

function valueOf(cell: string, kind: TableColumn["kind"]): Cell {
  const bare = cell.trim();
  if (bare === "" || (kind === "number" && BLANK.test(bare))) return null;
  if (kind === "number") return Number(bare);
  return kind === "truth" ? bare.toLowerCase() === "true" : cell;
}

const SIGN = /^\s*(<=|>=|!=|<|>|=)?\s*([\s\S]*?)\s*$/;

function compare(a: number | string, sign: string, b: number | string): boolean {
  if (sign === "<") return a < b;
  if (sign === "<=") return a <= b;
  if (sign === ">") return a > b;
  if (sign === ">=") return a >= b;
  return sign === "!=" ? a !== b : a === b;
}

/** Whether a cell fits what was written into the filter of its column. */
export function fits(cell: Cell, condition: string, numeric: boolean): boolean {
  const told = condition.trim();
  if (/^empty$/i.test(told)) return cell === null;
  if (/^not empty$/i.test(told)) return cell !== null;
  if (cell === null) return false;
  const [low, high] = told.split(/\s*\.\.\s*/);
  if (numeric && high !== undefined && NUMBER.test(low!) && NUMBER.test(high))
    return Number(cell) >= Number(low) && Number(cell) <= Number(high);
  const [, sign, word = ""] = SIGN.exec(told)!;
  if (numeric && NUMBER.test(word)) return compare(Number(cell), sign ?? "=", Number(word));
  const plain = String(cell).toLowerCase();
  if (!sign || !word) return plain.includes(told.toLowerCase());
  return compare(plain, sign, word.toLowerCase());
}

function order(a: Cell, b: Cell, down: boolean): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  const by = a < b ? -1 : a > b ? 1 : 0;
  return down ? -by : by;
}

class Local {
  constructor(
    readonly columns: TableColumn[],
    readonly rows: Cell[][],
    private readonly sheets: string[],
  ) {}

  private matching({ find = "", where = [] }: TableWish): number[] {
    const words = find.toLowerCase().split(/\s+/).filter(Boolean);
    const conditions = where.map((one) => {
      const at = one.indexOf(":");
      const column = Number(one.slice(0, at));
      return { column, told: one.slice(at + 1), numeric: this.columns[column]?.kind === "number" };
    });
    const good = (row: Cell[]): boolean =>
      conditions.every(({ column, told, numeric }) => fits(row[column] ?? null, told, numeric)) &&
      words.every((word) =>
        row.some((cell) =>
          String(cell ?? "")
            .toLowerCase()
            .includes(word),
        ),
      );
    return this.rows.flatMap((row, i) => (good(row) ? [i] : []));
  }

  page(wish: TableWish): TablePage {
    const found = this.matching(wish);
    const { offset = 0, limit = 200, sort = "", spread = false } = wish;
    const shown = [...(wish.columns ?? this.columns.keys())];
    const by = Number(sort.replace("-", ""));
    if (sort && !spread)
      found.sort(
        (a, b) => order(this.rows[a]![by]!, this.rows[b]![by]!, sort.startsWith("-")) || a - b,
      );
    const step = Math.max(1, Math.ceil(found.length / limit));
    const taken = spread
      ? found.filter((_, i) => i % step === 0)
      : found.slice(offset, offset + limit);
    const rows = taken.map((i) => [i + 1, ...shown.map((at) => this.rows[i]![at] ?? null)]);
    const { columns, sheets } = this;
    return {
      columns,
      shown,
      total: this.rows.length,
      n_matching: found.length,
      rows,
      note: "",
      sheets,
    };
  }
}

/** Read a text as a table; the first line names the columns. */
export function localTable(content: string, name: string): TableSource {
  const plain = content.startsWith("\ufeff") ? content.slice(1) : content;
  return tableOf(cellsOf(plain, separatorOf(plain, name)));
}

/** A workbook: each sheet is a table, read when it is first asked for. */
export function localSheets(file: Promise<ArrayBuffer>): TableSource {
  const tables = new Map<number, Promise<TableSource>>();
  return async (wish, signal) => {
    const sheet = wish.sheet ?? 0;
    const table = tables.get(sheet) ?? file.then((bytes) => localSheet(bytes, sheet));
    tables.set(sheet, table);
    return (await table)(wish, signal);
  };
}

async function localSheet(file: ArrayBuffer, sheet: number): Promise<TableSource> {
  const { names, rows } = await sheetRows(file, sheet);
  const width = Math.max(0, ...rows.map((row) => row.length));
  const full = rows.map((row) => [...row, ...Array<string>(width - row.length).fill("")]);
  return tableOf(full, names);
}

function tableOf([head = [], ...body]: string[][], sheets: string[] = []): TableSource {
  const columns = head.map((title, at): TableColumn => ({
    name: title.trim() || `column${at + 1}`,
    kind: kindOf(body.map((row) => row[at] ?? "")),
  }));
  const rows = body.map((row) => columns.map(({ kind }, at) => valueOf(row[at] ?? "", kind)));
  const table = new Local(columns, rows, sheets);
  return (wish) => Promise.resolve(table.page(wish));
}
