// Which columns a tab has when the table is wide, and what the chosen further ones are called.
import { t } from "../core/strings";
import type { StringKey } from "../core/strings";
import type { Filters, TableLevel } from "./query";

export interface Heading {
  /** Name to sort by; "" where the service has no order for it. */
  sort: string;
  label: string;
  /** Class of its cells: c-… in rows, h-… in the heading. */
  cell: string;
}

const ALL: TableLevel[] = ["subjects", "studies", "files", "analysis"];
const COLUMNS: [string, StringKey, string, TableLevel[]][] = [
  ["pid", "col_subject", "name", ["subjects", "studies"]],
  ["sid", "col_result", "name", ["analysis"]],
  ["age", "col_person", "person", ["studies"]],
  ["", "col_person", "person", ["subjects"]],
  ["date", "col_date", "date", ["studies", "analysis"]],
  ["", "col_date", "date", ["subjects"]],
  ["description", "col_description", "text", ["studies", "analysis"]],
  ["", "col_studies", "text", ["subjects"]],
  ["", "col_modality", "mod", ["subjects", "studies", "analysis"]],
  ["", "col_study", "psid", ["files"]],
  ["path", "col_file", "file", ["files"]],
  ["", "col_tags", "tags", ALL],
];
const LAST: typeof COLUMNS = [
  ["", "col_files", "files", ["subjects", "studies", "analysis"]],
  ["", "col_size", "size", ["subjects", "studies", "analysis"]],
  ["kind", "col_kind", "kind", ["files"]],
  ["size", "col_size", "bytes", ["files"]],
];

/** "tag:control" -> "control"; "meta:radio.mask.volume" -> "mask.volume" (the file name is long). */
export function columnName(column: string): string {
  const name = column.slice(column.indexOf(":") + 1);
  if (!column.startsWith("meta:")) return name;
  return name.split(".").slice(1).join(".") || name;
}

/** Fields belong to subjects and studies; rows of files have none. */
export const columnsOf = ({ level, columns }: Filters): string[] =>
  level === "files" ? columns.filter((column) => !column.startsWith("field:")) : columns;

export function headingsOf(filters: Filters): Heading[] {
  const of = (list: typeof COLUMNS): Heading[] =>
    list
      .filter(([, , , levels]) => levels.includes(filters.level))
      .map(([sort, label, cell]) => ({ sort, label: t(label), cell }));
  const extra = columnsOf(filters).map((column) => ({
    sort: "",
    label: columnName(column),
    cell: "extra",
  }));
  return [...of(COLUMNS), ...extra, ...of(LAST)];
}
