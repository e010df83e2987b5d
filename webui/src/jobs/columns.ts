// The columns of gridstats: which there are, how wide, what they sort and filter by.
import { bytes, duration, moment } from "../core/format";
import { t, type StringKey } from "../core/strings";
import type { JobRow } from "../core/types-jobs";
import { elapsed, isImport } from "./view";

export interface Column {
  /** Name of the service for its order and filter; it stands in the address, too. */
  id: string;
  label: StringKey;
  /** Pixels; 0 takes what is left. */
  width: number;
  num?: boolean;
  /** Times and numbers: an example of what its filter understands. */
  example: string;
  text: (job: JobRow, now: number) => string;
  /** Without order and filter: there is nothing to read. */
  plain?: boolean;
  title?: (job: JobRow) => string;
}

const memory = (mb: number): string => bytes(mb * 1_000_000);
const time = (iso: string | null | undefined): string => (iso ? moment(iso) : "");

const text = (id: keyof JobRow & string, label: StringKey, width: number): Column => ({
  id,
  label,
  width,
  example: "",
  text: (job) => String(job[id] ?? ""),
});
const when = (
  id: string,
  label: StringKey,
  key: "created_at" | "started_at" | "ended_at" | "updated_at",
): Column => ({
  id,
  label,
  width: 118,
  example: ">2h",
  text: (job) => time(job[key]),
  title: (job) => job[key] ?? "",
});
const number = (
  id: string,
  label: StringKey,
  width: number,
  example: string,
  read: (job: JobRow, now: number) => string,
): Column => ({ id, label, width, example, num: true, text: read });

const own =
  (read: (job: JobRow) => string) =>
  (job: JobRow): string =>
    isImport(job) ? "" : read(job);

export const COLUMNS: Column[] = [
  text("state", "jcol_state", 118),
  text("name", "jcol_name", 0),
  text("psid", "jcol_psid", 0),
  text("function", "jcol_function", 140),
  text("queue", "jcol_queue", 92),
  text("adapter", "jcol_adapter", 84),
  text("owner", "jcol_owner", 92),
  text("project", "jcol_project", 100),
  { ...text("batch_name", "jcol_batch", 140), id: "batch" },
  when("created", "jcol_created", "created_at"),
  when("started", "jcol_started", "started_at"),
  when("ended", "jcol_ended", "ended_at"),
  when("updated", "jcol_updated", "updated_at"),
  number("wall_s", "jcol_time", 100, ">60", (job, now) => {
    const seconds = elapsed(job, now);
    return seconds === null ? "" : duration(seconds);
  }),
  number("attempt", "jcol_attempt", 72, ">1", (job) => String(job.attempt || "")),
  number(
    "cpus",
    "jcol_cpus",
    56,
    ">1",
    own((job) => String(job.cpus)),
  ),
  number(
    "memory_mb",
    "jcol_memory",
    84,
    ">4000",
    own((job) => memory(job.memory_mb)),
  ),
  number(
    "gpus",
    "jcol_gpus",
    56,
    ">0",
    own((job) => String(job.gpus || "")),
  ),
  number("cpu_s", "jcol_cpu_s", 84, ">60", (job) => (job.cpu_s ? duration(job.cpu_s) : "")),
  number("maxrss_kb", "jcol_maxrss", 92, ">1000000", (job) =>
    job.maxrss_kb ? bytes(job.maxrss_kb * 1024) : "",
  ),
  number("priority", "jcol_priority", 72, ">0", (job) => String(job.priority || "")),
  { ...text("key", "jcol_key", 140) },
  { ...text("why", "jcol_why", 0), title: (job) => job.why },
  { id: "actions", label: "jcol_actions", width: 112, example: "", plain: true, text: () => "" },
];

export const USUAL = [
  "state",
  "name",
  "psid",
  "queue",
  "started",
  "wall_s",
  "attempt",
  "why",
  "actions",
];
const NARROW = new Set(["queue", "attempt", "started", "actions"]);

/** The chosen columns in their order; beside an open job only the most telling ones. */
export function columnsOf(chosen: readonly string[], narrow: boolean): Column[] {
  const wanted = new Set(chosen.length > 0 ? chosen : USUAL);
  return COLUMNS.filter((column) => wanted.has(column.id) && !(narrow && NARROW.has(column.id)));
}

export const columnLabel = (column: Column): string => t(column.label);

const PREFIX = "f.";

/** Filters of columns in an address: f.name=smooth* -> name:smooth*. */
export const filtersIn = (query: URLSearchParams): Record<string, string> =>
  Object.fromEntries(
    COLUMNS.map((column): [string, string] => [
      column.id,
      query.get(PREFIX + column.id) ?? "",
    ]).filter(([, value]) => value.trim() !== ""),
  );

export const filterKey = (id: string): string => PREFIX + id;

export const asAsked = (filters: Record<string, string>): string[] =>
  Object.entries(filters).map(([id, value]) => `${id}:${value}`);
