// The table's state in the URL, and the questions it makes.
import { queryText, type Query } from "../core/api";

export type TableLevel = "subjects" | "studies" | "files" | "analysis";

export interface Filters {
  level: TableLevel;
  name: string;
  files: string;
  description: string;
  tags: string[];
  jobs: string;
  from: string;
  to: string;
  kind: string;
  sort: string;
  /** Further columns: "tag:NAME", "meta:KEY", "field:NAME". */
  columns: string[];
}

export const LEVELS: TableLevel[] = ["subjects", "studies", "files", "analysis"];
const SORTS: Record<TableLevel, string> = {
  subjects: "pid",
  studies: "-date",
  files: "path",
  analysis: "-created",
};
/** Subject code of the results of a whole project. */
export const ANALYSIS = "ANALYSIS";
export const JOB_LETTERS = ["q", "r", "e", "d"] as const;
export const KINDS = [
  "image",
  "mask",
  "labels",
  "surface",
  "streamlines",
  "table",
  "json",
  "text",
  "document",
  "pyramid",
  "other",
] as const;

/** Where each filter stands in the address; `null` there clears it. */
export const FILTER_KEYS = ["name", "files", "desc", "tags", "jobs", "from", "to", "kind"] as const;
export type FilterKey = (typeof FILTER_KEYS)[number];

/** What the tabs understand; what they do not is kept in the address for the next tab. */
const USED: Record<TableLevel, readonly FilterKey[]> = {
  subjects: ["name", "files", "desc", "tags", "jobs", "from", "to"],
  studies: ["name", "files", "desc", "tags", "jobs", "from", "to"],
  files: ["name", "files", "desc", "tags", "jobs", "from", "to", "kind"],
  analysis: ["files", "desc", "tags", "jobs", "from", "to"],
};
export const uses = (level: TableLevel, key: FilterKey): boolean => USED[level].includes(key);

const isLevel = (text: string | null): text is TableLevel => LEVELS.includes(text as TableLevel);
const listed = (text: string | null): string[] =>
  (text ?? "").split(",").filter(Boolean).map(plain);

/** Join names for the address; commas inside a name are escaped. */
export const joined = (names: readonly string[]): string => names.map(escaped).join(",");

/** Which level a tab without an answer in the address opens. */
let firstLevel: TableLevel = "studies";
let studySort = SORTS.studies;

/** Take the user's habits: the tab to begin with and the order of studies. */
export function setHabits(level: TableLevel, sort: string): void {
  firstLevel = level;
  studySort = sort;
}

export function readFilters(params: URLSearchParams): Filters {
  const asked = params.get("level");
  const level = isLevel(asked) ? asked : firstLevel;
  return {
    level,
    name: params.get("name") ?? "",
    files: params.get("files") ?? "",
    description: params.get("desc") ?? "",
    tags: listed(params.get("tags")),
    jobs: [...(params.get("jobs") ?? "")].filter((c) => "qred".includes(c)).join(""),
    from: params.get("from") ?? "",
    to: params.get("to") ?? "",
    kind: params.get("kind") ?? "",
    sort: params.get("sort") ?? defaultSort(level),
    columns: listed(params.get("cols")),
  };
}

export const defaultSort = (level: TableLevel): string =>
  level === "studies" ? studySort : SORTS[level];

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A tag's name, exactly: its own `*` and `_` are no wildcards, and nothing may follow. */
const exactly = (name: string): string => `=${quoted(name.replaceAll(/[\\*_]/g, "\\$&"))}`;

/** Tags on the study or its subject; several mean any of them. */
export function tagFilter(tags: readonly string[]): string {
  return tags.map((tag) => `STAG:${exactly(tag)} PTAG:${exactly(tag)}`).join(" ");
}

/** Files know their own tags too. */
const anyTag = (tags: readonly string[]): string =>
  tags.map((tag) => `TAG:${exactly(tag)}`).join(" ");

export const jobFilter = (letters: string): string =>
  [...letters].map((letter) => `JOB:${letter}`).join(" ");

const TOKENS = /"(?:[^"]|"")*"?|(?:\\.|[^\s&()!"])+(?:"(?:[^"]|"")*"?)?|[\s&()!]+/g;
const IS_ATTRIBUTE = /^[A-Za-z]+:/;
const IS_SIGN = /^[\s&()!]+$/;

function asked(word: string, name: string): string {
  if (IS_SIGN.test(word) || IS_ATTRIBUTE.test(word)) return word;
  const [subject, study] = word.split("#");
  if (name !== "PID" || study === undefined || word.startsWith('"')) return `${name}:${word}`;
  return `(PID:${subject || "*"} & SID:${study || "*"})`;
}

/** Say of every bare word which attribute it asks: `A !"b c"` -> `PID:A !PID:"b c"`. */
export function asAttribute(text: string, name: string): string {
  return (text.match(TOKENS) ?? []).map((word) => asked(word, name)).join("");
}

/** All of these must hold; each may have alternatives of its own. */
export function allOf(...parts: readonly string[]): string {
  const given = parts.filter((part) => part.trim() !== "");
  return given.length > 1 ? given.map((part) => `(${part})`).join(" & ") : (given[0] ?? "");
}

/** Each bar that holds typed text, as a question of its own; for the errors of each. */
export function ownBars(filters: Filters): Partial<Record<FilterKey, Query>> {
  const { level, name, files, description } = filters;
  return {
    ...(name.trim() && uses(level, "name") ? { name: { name } } : {}),
    ...(files.trim() ? { files: { files } } : {}),
    ...(description.trim() ? { desc: { description } } : {}),
  };
}

/** Values of the project's own fields come with the rows. */
export const wantsFields = (filters: Filters): boolean =>
  filters.level !== "files" && filters.columns.some((column) => column.startsWith("field:"));

/** What rows must be read again for: all but the further columns that are filled otherwise. */
export const rowsAsked = (filters: Filters): string =>
  JSON.stringify({ ...filters, columns: wantsFields(filters) });

export function toQuery(filters: Filters): Query {
  const { level, files, sort } = filters;
  const name = asAttribute(filters.name, "PID");
  const description = asAttribute(filters.description, "SDESC");
  const tags = level === "files" ? anyTag(filters.tags) : tagFilter(filters.tags);
  const jobs = jobFilter(filters.jobs);
  const dates = { date_from: filters.from, date_to: filters.to };
  if (level === "files")
    return {
      files: allOf(files, name, description, tags, jobs),
      kind: filters.kind,
      ...dates,
      sort,
    };
  const fields = wantsFields(filters) ? "*" : "";
  if (level === "subjects")
    return {
      name: filters.name,
      files,
      tags: allOf(tags, description, jobs),
      ...dates,
      fields,
      sort,
    };
  return {
    name: level === "analysis" ? `PID:${exactly(ANALYSIS)}` : filters.name,
    files,
    description: filters.description,
    tags,
    jobs,
    ...dates,
    fields,
    sort,
  };
}

/** Which listing of the service a tab reads. */
export const listingOf = (level: TableLevel): "subjects" | "studies" | "files" =>
  level === "analysis" ? "studies" : level;

/** Clicking a column: ascending, then descending. */
export function nextSort(current: string, column: string): string {
  return current === column ? `-${column}` : column;
}

const VALUES: Record<FilterKey, (filters: Filters) => string> = {
  name: (f) => f.name,
  files: (f) => f.files,
  desc: (f) => f.description,
  tags: (f) => joined(f.tags),
  jobs: (f) => f.jobs,
  from: (f) => f.from,
  to: (f) => f.to,
  kind: (f) => f.kind,
};

/** The filters that narrow this tab now. */
export const activeFilters = (filters: Filters): FilterKey[] =>
  FILTER_KEYS.filter((key) => uses(filters.level, key) && VALUES[key](filters).trim() !== "");

export const isFiltered = (filters: Filters): boolean => activeFilters(filters).length > 0;

/** What empties every filter in the address. */
export const NO_FILTERS: Record<FilterKey, null> = {
  name: null,
  files: null,
  desc: null,
  tags: null,
  jobs: null,
  from: null,
  to: null,
  kind: null,
};

/** A view to be saved or opened: the state of the table without project and checks. */
export type ViewState = Record<string, string>;
const VIEW_KEYS = ["level", ...FILTER_KEYS, "sort", "cols"] as const;

export function viewState(params: URLSearchParams): ViewState {
  return Object.fromEntries(
    VIEW_KEYS.map((key) => [key, params.get(key) ?? ""]).filter(([, value]) => value),
  ) as ViewState;
}

/** Change of the address that opens a saved view; what it does not say is cleared. */
export function viewPatch(state: unknown): Record<string, string | null> {
  const saved = (typeof state === "object" && state !== null ? state : {}) as ViewState;
  return Object.fromEntries(
    VIEW_KEYS.map((key) => [key, typeof saved[key] === "string" ? saved[key] : null]),
  );
}

// Names are joined by commas, so a comma inside a name is escaped; links stay readable.
function escaped(name: string): string {
  return name.replaceAll("%", "%25").replaceAll(",", "%2C");
}
function plain(name: string): string {
  return name.replaceAll("%2C", ",").replaceAll("%25", "%");
}

export const SEL_LIMIT = 60;

export function writeSelection(keys: Iterable<string>): string | null {
  const all = [...keys];
  return all.length > 0 && all.length <= SEL_LIMIT ? all.map(escaped).join(",") : null;
}

export function readSelection(text: string | null): string[] {
  return listed(text);
}

/** Address of the table with one study (PID#SID) or subject (PID) in sight and checked. */
export function addressOf(project: string, psid: string): string {
  const level = psid.includes("#") ? "studies" : "subjects";
  const name = psid.split("#")[0] ?? "";
  return `/${queryText({ project, level, name, sel: writeSelection([psid]) })}`;
}
