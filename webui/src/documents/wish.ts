// What is asked of a table and what comes back; the service and local files answer alike.

export interface TableWish {
  offset?: number;
  limit?: number;
  /** Number of a column, "-" in front turns the order round. */
  sort?: string;
  find?: string;
  /** "3:>5": column and condition. */
  where?: readonly string[];
  columns?: readonly number[];
  /** Rows evenly from all that fit, for a plot. */
  spread?: boolean;
  /** Which sheet of a workbook, from 0. */
  sheet?: number;
}

export interface TableColumn {
  name: string;
  kind: "number" | "text" | "time" | "truth";
}

export interface TablePage {
  columns: TableColumn[];
  /** Columns of the rows. */
  shown: number[];
  total: number;
  n_matching: number;
  /** Each begins with its number in the file. */
  rows: unknown[][];
  note: string;
  /** Sheets of a workbook. */
  sheets?: string[];
}

export type TableSource = (wish: TableWish, signal?: AbortSignal) => Promise<TablePage>;
