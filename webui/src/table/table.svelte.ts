// The table's store: what is filtered, loaded and opened, kept in step with the service.
import { api, path } from "../core/api";
import { gather, on, type EventData } from "../core/events.svelte";
import { ApiError } from "../core/problem";
import { prefs } from "../core/prefs.svelte";
import { router, setHome, type QueryPatch } from "../core/router.svelte";
import { inProject, session } from "../core/session.svelte";
import type { FileRow, Page, StudyRow, SubjectRow, TagTable } from "../core/types";
import { sortBlocks, type Block } from "./layout";
import { forgetMeta } from "./meta.svelte";
import {
  listingOf,
  ownBars,
  readFilters,
  setHabits,
  toQuery,
  wantsFields,
  type FilterKey,
  type Filters,
} from "./query";
import { RowList } from "./rows.svelte";
import { fillSelection } from "./selection.svelte";

export type Row =
  | { kind: "subject"; key: string; depth: number; subject: SubjectRow }
  | { kind: "study"; key: string; depth: number; study: StudyRow }
  | { kind: "file"; key: string; depth: number; file: FileRow }
  | { kind: "note"; key: string; depth: number; note: "loading" | "empty"; error?: unknown };

export type Top = SubjectRow | StudyRow | FileRow;
type Children<T> = { rows: T[]; error: unknown } | "loading";

const MANY_CHANGES = 20;

const filters = $derived.by(() => {
  setHabits(prefs.table.level, prefs.table.sort);
  return readFilters(router.home);
});

/** The same order from its other end. */
const turned = (sort: string): string => (sort.startsWith("-") ? sort.slice(1) : `-${sort}`);

const list = new RowList<Top>((backwards, after, limit, signal) => {
  const sort = backwards ? turned(filters.sort) : filters.sort;
  const query = { ...toQuery(filters), sort, after, limit };
  return api.get<Page<Top>>(inProject(listingOf(filters.level)), query, signal);
});

let opened = $state.raw<ReadonlySet<string>>(new Set());
let studiesOf = $state.raw<ReadonlyMap<number, Children<StudyRow>>>(new Map());
let filesOf = $state.raw<ReadonlyMap<number, Children<FileRow>>>(new Map());
let tags = $state.raw<TagTable>({ subject: [], study: [], file: [] });

export const rowKey = {
  subject: (id: number): string => `subject:${id}`,
  study: (id: number): string => `study:${id}`,
  file: (id: number): string => `file:${id}`,
};

const tops = new WeakMap<Top, Row>();

/** The same row for the same item, so that scrolling draws only what is new in sight. */
function topRow(item: Top): Row {
  const known = tops.get(item);
  if (known) return known;
  const row = madeRow(item);
  tops.set(item, row);
  return row;
}
function madeRow(item: Top): Row {
  if ("path" in item) return fileRow(item, 0);
  if ("psid" in item) return studyRow(item, 0);
  return { kind: "subject", key: rowKey.subject(item.id), depth: 0, subject: item };
}
const studyRow = (study: StudyRow, depth: number): Row => ({
  kind: "study",
  key: rowKey.study(study.id),
  depth,
  study,
});
const fileRow = (file: FileRow, depth: number): Row => ({
  kind: "file",
  key: rowKey.file(file.id),
  depth,
  file,
});
const note = (key: string, depth: number, of: Children<unknown>): Row => ({
  kind: "note",
  key: `${key}:note`,
  depth,
  note: of === "loading" ? "loading" : "empty",
  error: of === "loading" ? undefined : of.error,
});

function childrenOf(row: Row): Row[] {
  if (!opened.has(row.key)) return [];
  const depth = row.depth + 1;
  if (row.kind === "subject") {
    const found = studiesOf.get(row.subject.id) ?? "loading";
    if (found === "loading" || found.rows.length === 0) return [note(row.key, depth, found)];
    return found.rows.flatMap((study) => {
      const child = studyRow(study, depth);
      return [child, ...childrenOf(child)];
    });
  }
  if (row.kind !== "study") return [];
  const found = filesOf.get(row.study.id) ?? "loading";
  if (found === "loading" || found.rows.length === 0) return [note(row.key, depth, found)];
  return found.rows.map((file) => fileRow(file, depth));
}

/** Ids of the opened rows of the kind that stands on top in this tab. */
function openedTops(): Set<number> {
  const prefix = filters.level === "subjects" ? "subject:" : "study:";
  const keys = [...opened].filter((key) => key.startsWith(prefix));
  return new Set(keys.map((key) => Number(key.slice(prefix.length))));
}

const blocks = $derived.by((): Block<Row>[] => {
  if (opened.size === 0 || filters.level === "files") return [];
  const shown = list.placesOf(openedTops());
  return sortBlocks(shown.map(({ index, row }) => ({ index, rows: childrenOf(topRow(row)) })));
});

export const table = {
  list,
  get filters(): Filters {
    return filters;
  },
  get blocks(): Block<Row>[] {
    return blocks;
  },
  get opened(): ReadonlySet<string> {
    return opened;
  },
  get tags(): TagTable {
    return tags;
  },
  top(index: number): Row | null {
    const item = list.at(index);
    return item ? topRow(item) : null;
  },
  /** Every row that is here, as rows. */
  loaded(): Row[] {
    return list.loaded().map(topRow);
  },
};

export function filter(patch: QueryPatch): void {
  setHome(patch);
}

/** Ask the service which of the filled bars it cannot read, and where. */
export async function findWrongBar(error: ApiError): Promise<Partial<Record<FilterKey, ApiError>>> {
  const bars = ownBars(filters);
  const keys = Object.keys(bars) as FilterKey[];
  if (keys.length === 1 && keys[0]) return { [keys[0]]: error };
  const found: Partial<Record<FilterKey, ApiError>> = {};
  await Promise.all(
    keys.map(async (key) => {
      try {
        await api.get(inProject("studies"), { ...bars[key], limit: 1 });
      } catch (reason) {
        if (reason instanceof ApiError) found[key] = reason;
      }
    }),
  );
  return found;
}

async function load<T>(put: (value: Children<T>) => void, read: () => Promise<T[]>): Promise<T[]> {
  try {
    const rows = await read();
    put({ rows, error: null });
    return rows;
  } catch (error) {
    put({ rows: [], error });
    return [];
  }
}

export function loadStudies(subjectId: number): Promise<StudyRow[]> {
  const put = (value: Children<StudyRow>): void => {
    studiesOf = new Map(studiesOf).set(subjectId, value);
  };
  if (!studiesOf.has(subjectId)) put("loading");
  return load(put, async () => {
    const fields = wantsFields(filters) ? "*" : "";
    const query = { subject_id: subjectId, sort: "date", limit: 1000, fields };
    const page = await api.get<Page<StudyRow>>(inProject("studies"), query);
    fillSelection(page.items, []);
    return page.items;
  });
}

export function loadFiles(studyId: number): Promise<FileRow[]> {
  const put = (value: Children<FileRow>): void => {
    filesOf = new Map(filesOf).set(studyId, value);
  };
  if (!filesOf.has(studyId)) put("loading");
  return load(put, () => allFiles(studyId));
}

async function allFiles(studyId: number): Promise<FileRow[]> {
  let rows: FileRow[] = [];
  let after: string | null = null;
  const files = prefs.table.matchingOnly ? filters.files : "";
  do {
    const page: Page<FileRow> = await api.get(inProject("files"), {
      study_id: studyId,
      files,
      limit: 1000,
      after,
    });
    rows = [...rows, ...page.items];
    after = page.next;
  } while (after !== null);
  return rows;
}

export function setOpen(row: Row, open: boolean): void {
  if (row.kind !== "subject" && row.kind !== "study") return;
  const next = new Set(opened);
  if (open) next.add(row.key);
  else next.delete(row.key);
  opened = next;
  if (!open) return;
  if (row.kind === "subject") void loadStudies(row.subject.id).then(openFirst);
  else void loadFiles(row.study.id);
}

/** The habit of unfolding a subject down to the files of its first study. */
function openFirst(studies: readonly StudyRow[]): void {
  const first = studies[0];
  if (prefs.table.expandFirst && first) setOpen(studyRow(first, 1), true);
}

const MOST_OPENED = 100;

/** Unfold what is here, from the top, one level. */
export function unfoldAll(): void {
  if (filters.level === "files") return;
  const rows = table.loaded().slice(0, MOST_OPENED);
  opened = new Set([...opened, ...rows.map((row) => row.key)]);
  for (const row of rows) {
    if (row.kind === "subject") void loadStudies(row.subject.id).then(openFirst);
    else if (row.kind === "study") void loadFiles(row.study.id);
  }
}

/** Read the files of every opened study again, for another question to them. */
export function reloadFiles(): void {
  refreshOpened(new Set());
}

export function foldAll(): void {
  opened = new Set();
}

export async function loadTags(): Promise<void> {
  if (session.project) tags = await api.get<TagTable>(inProject("tags"));
}

/** Start over for another project or filter. */
export async function resetTable(): Promise<void> {
  await list.reset();
  taken();
}

export function forgetProject(): void {
  forgetMeta();
  opened = new Set();
  studiesOf = new Map();
  filesOf = new Map();
  tags = { subject: [], study: [], file: [] };
}

/** Tell the selection about rows that have just come. */
export function taken(): void {
  const studies = list.head.filter((item): item is StudyRow => "psid" in item && !("path" in item));
  const subjects = list.head.filter((item): item is SubjectRow => !("psid" in item));
  fillSelection(studies, subjects);
}

async function refreshStudies(ids: Set<number>): Promise<void> {
  const fresh = new Map<number, StudyRow>();
  await Promise.all(
    [...ids].map(async (id) => {
      fresh.set(id, await api.get<StudyRow>(path("studies", id)));
    }),
  );
  if (listingOf(filters.level) === "studies") {
    list.patch((item) => fresh.get(item.id) ?? item);
  }
  for (const id of studiesOf.keys()) {
    const known = studiesOf.get(id);
    if (known === undefined || known === "loading") continue;
    const rows = known.rows.map((row) => fresh.get(row.id) ?? row);
    studiesOf = new Map(studiesOf).set(id, { rows, error: null });
  }
}

function refreshOpened(ids: Set<number>): void {
  for (const id of filesOf.keys()) {
    if (ids.size > 0 && !ids.has(id)) continue;
    if (opened.has(rowKey.study(id))) void loadFiles(id);
    else dropFiles(id);
  }
}

function dropFiles(id: number): void {
  const next = new Map(filesOf);
  next.delete(id);
  filesOf = next;
}

const numbers = (value: unknown): number[] =>
  (Array.isArray(value) ? value : [value]).filter((one): one is number => typeof one === "number");

/** Everything that happened within a moment, handled once. */
async function changed(events: EventData[]): Promise<void> {
  const ids = new Set(
    events.flatMap((e) => [...numbers(e["study_id"]), ...numbers(e["study_ids"])]),
  );
  refreshOpened(ids);
  forgetMeta();
  for (const id of studiesOf.keys()) if (opened.has(rowKey.subject(id))) void loadStudies(id);
  const known = listingOf(filters.level) === "studies" && list.placesOf(ids).length === ids.size;
  const few = ids.size > 0 && ids.size <= MANY_CHANGES;
  if (known && few) await refreshStudies(ids).catch(() => list.refresh());
  else await list.refresh();
  taken();
}

const ours = (data: EventData): boolean => {
  const project = data["project"];
  return typeof project !== "string" || project === session.project;
};

async function jobsChanged(events: EventData[]): Promise<void> {
  const names = new Set(events.map((e) => e["psid"]));
  const rows = list.loaded().filter((item) => "psid" in item && names.has(item.psid));
  if (listingOf(filters.level) !== "studies" || rows.length > MANY_CHANGES) await list.refresh();
  else await refreshStudies(new Set(rows.map((row) => row.id))).catch(() => list.refresh());
}

/** Follow the service; returns what stops it. */
export function followService(): () => void {
  const data = gather<EventData>(400, (events) => void changed(events));
  const jobs = gather<EventData>(1000, (events) => void jobsChanged(events));
  const labels = gather<EventData>(400, () => void loadTags().catch(() => undefined));
  const stops = [
    on(
      ["files.changed", "studies.changed", "stale.changed"],
      (event) => ours(event) && data(event),
    ),
    on("tags.changed", (event) => ours(event) && (data(event), labels(event))),
    on("job.changed", (event) => ours(event) && jobs(event)),
    on("resync", (event) => data(event)),
  ];
  return () => stops.forEach((stop) => stop());
}
