// The table's state in the URL, and the questions it makes.
import { queryText, type Query } from "../core/api";

export type TableLevel = "subjects" | "studies" | "files" | "analysis";

export interface Filters {
  level: TableLevel;
  name: string;
  files: string;
  tags: string[];
  sort: string;
}

export const LEVELS: TableLevel[] = ["subjects", "studies", "files", "analysis"];
const SORTS: Record<TableLevel, string> = {
  subjects: "pid",
  studies: "-date",
  files: "path",
  analysis: "",
};

const isLevel = (text: string | null): text is TableLevel => LEVELS.includes(text as TableLevel);

export function readFilters(params: URLSearchParams): Filters {
  const asked = params.get("level");
  const level = isLevel(asked) ? asked : "studies";
  return {
    level,
    name: params.get("name") ?? "",
    files: params.get("files") ?? "",
    tags: (params.get("tags") ?? "").split(",").filter(Boolean),
    sort: params.get("sort") ?? SORTS[level],
  };
}

export const defaultSort = (level: TableLevel): string => SORTS[level];

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A tag's name, exactly: its own `*` and `_` are no wildcards, and nothing may follow. */
const exactly = (name: string): string => `=${quoted(name.replaceAll(/[\\*_]/g, "\\$&"))}`;

/** Tags on the study or its subject; several mean any of them. */
export function tagFilter(tags: readonly string[]): string {
  return tags.map((tag) => `STAG:${exactly(tag)} PTAG:${exactly(tag)}`).join(" ");
}

export function toQuery(filters: Filters): Query {
  if (filters.level === "files") return { files: filters.files, sort: filters.sort };
  return {
    name: filters.name,
    files: filters.files,
    tags: tagFilter(filters.tags),
    sort: filters.sort,
  };
}

/** Clicking a column: ascending, then descending. */
export function nextSort(current: string, column: string): string {
  return current === column ? `-${column}` : column;
}

export const isFiltered = (filters: Filters): boolean =>
  Boolean(filters.name || filters.files || filters.tags.length);

// Names are joined by commas, so a comma inside a name is escaped; links stay readable.
const escaped = (name: string): string => name.replaceAll("%", "%25").replaceAll(",", "%2C");
const plain = (name: string): string => name.replaceAll("%2C", ",").replaceAll("%25", "%");

export const SEL_LIMIT = 60;

export function writeSelection(keys: Iterable<string>): string | null {
  const all = [...keys];
  return all.length > 0 && all.length <= SEL_LIMIT ? all.map(escaped).join(",") : null;
}

export function readSelection(text: string | null): string[] {
  return (text ?? "").split(",").filter(Boolean).map(plain);
}

/** Address of the table with one study (PID#SID) or subject (PID) in sight and checked. */
export function addressOf(project: string, psid: string): string {
  const level = psid.includes("#") ? "studies" : "subjects";
  const name = psid.split("#")[0] ?? "";
  return `/${queryText({ project, level, name, sel: writeSelection([psid]) })}`;
}
