// What the page asks the service: chosen columns, rows and filters, to and from the address.
import type { Schema } from "../core/types";

export type MetaKey = Schema["MetaKey"];
export type MetaTable = Schema["MetaTable"];
export type Histogram = Schema["Histogram"];
export type MetaValue = Schema["MetaValue"];
export type Per = "study" | "file";
export type Op = "=" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "exists" | "missing";
export type Cell = string | number | boolean | null;
/** Study id, subject, study, file, then one cell for each column. */
export type Row = [number, string, string, string | null, ...Cell[]];

export const OPS: Op[] = ["=", "!=", "<", "<=", ">", ">=", "contains", "exists", "missing"];
export const NAMES = 4;

export interface Filter {
  key: string;
  op: Op;
  value: string;
}

export interface Question {
  columns: string[];
  filters: Filter[];
  per: Per;
  files: string;
  sort: string;
}

const SEPARATOR = "~";

/** Join names into one text for the address; a separator inside a name is doubled. */
export function pack(names: readonly string[]): string {
  return names.map((name) => name.replaceAll("~", "~~")).join(` ${SEPARATOR} `);
}

export function unpack(text: string | null): string[] {
  if (!text) return [];
  return text.split(` ${SEPARATOR} `).map((name) => name.replaceAll("~~", "~"));
}

export const packFilters = (filters: readonly Filter[]): string | null =>
  filters.length > 0 ? JSON.stringify(filters.map((one) => [one.key, one.op, one.value])) : null;

/** Filters out of an address; what is no filter is left out. */
export function unpackFilters(text: string | null): Filter[] {
  try {
    const found: unknown = JSON.parse(text ?? "[]");
    if (!Array.isArray(found)) return [];
    return found.flatMap((one: unknown) => {
      if (!Array.isArray(one)) return [];
      const [key, op, value] = one as unknown[];
      const known = typeof key === "string" && OPS.includes(op as Op);
      return known ? [{ key, op: op as Op, value: typeof value === "string" ? value : "" }] : [];
    });
  } catch {
    return [];
  }
}

export function questionOf(query: URLSearchParams): Question {
  return {
    columns: unpack(query.get("cols")),
    filters: unpackFilters(query.get("where")),
    per: query.get("per") === "file" ? "file" : "study",
    files: query.get("files") ?? "",
    sort: query.get("sort") ?? "subject",
  };
}

export const hasValue = (op: Op): boolean => op !== "exists" && op !== "missing";

/** The body of a request; a filter that is still being typed does not count. */
export function bodyOf(question: Question): Question {
  const filters = question.filters.filter((one) => one.key && (!hasValue(one.op) || one.value));
  return { ...question, filters };
}

export function toggled(names: readonly string[], name: string): string[] {
  return names.includes(name) ? names.filter((one) => one !== name) : [...names, name];
}

/** The sort that pressing a column's head asks for: up, down, then as at first. */
export function nextSort(sort: string, name: string): string {
  if (sort === name) return `-${name}`;
  return sort === `-${name}` ? "subject" : name;
}

/** First part of a column's name (the file), and the rest. */
export function parts(name: string): [string, string] {
  const at = name.indexOf(".");
  return at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const named = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** The chosen columns as a statement, to go on from. */
export function asSql(columns: readonly string[]): string {
  const cells = columns.map(
    (name) => `  any_value(value) FILTER (key = ${quoted(name)}) AS ${named(name)}`,
  );
  const list = ["  subject", "  study", ...cells].join(",\n");
  return `SELECT\n${list}\nFROM meta\nGROUP BY subject, study\nORDER BY subject, study`;
}
