// The one selection of the page: studies or subjects that are checked, files that are marked.
import { router, setHome } from "../core/router.svelte";
import type { FileRow, StudyRow, SubjectRow } from "../core/types";
import { readSelection, writeSelection } from "./query";
import type { Row } from "./table.svelte";

/** Keyed by PID#SID, PID or file id; null until the row itself is known. */
interface State {
  studies: ReadonlyMap<string, StudyRow | null>;
  subjects: ReadonlyMap<string, SubjectRow | null>;
  files: ReadonlyMap<string, FileRow | null>;
}

const nothing: State = { studies: new Map(), subjects: new Map(), files: new Map() };

let current = $state.raw<State>(nothing);

export const selection = {
  get studies(): State["studies"] {
    return current.studies;
  },
  get subjects(): State["subjects"] {
    return current.subjects;
  },
  get files(): State["files"] {
    return current.files;
  },
  /** What a batch runs on: PID#SID of studies and PID of subjects. */
  get targets(): string[] {
    return [...current.studies.keys(), ...current.subjects.keys()];
  },
  get size(): number {
    return current.studies.size + current.subjects.size + current.files.size;
  },
};

function replace(next: State): void {
  current = next;
  setHome({ sel: writeSelection(selection.targets) });
}

export function isChecked(row: Row): boolean {
  if (row.kind === "study") return current.studies.has(row.study.psid);
  if (row.kind === "subject") return current.subjects.has(row.subject.pid);
  return row.kind === "file" && current.files.has(String(row.file.id));
}

/** Check or uncheck rows; of one kind or mixed, few or a hundred thousand. */
export function setChecked(rows: readonly Row[], on: boolean): void {
  const studies = new Map(current.studies);
  const subjects = new Map(current.subjects);
  const files = new Map(current.files);
  const put = <T>(map: Map<string, T>, key: string, row: T): void => {
    if (on) map.set(key, row);
    else map.delete(key);
  };
  for (const row of rows) {
    if (row.kind === "study") put(studies, row.study.psid, row.study);
    else if (row.kind === "subject") put(subjects, row.subject.pid, row.subject);
    else if (row.kind === "file") put(files, String(row.file.id), row.file);
  }
  replace({ studies, subjects, files });
}

/** Check these rows and nothing else. */
export function checkRows(rows: readonly Row[]): void {
  current = nothing;
  setChecked(rows, true);
}

/** Check exactly these top rows (check all, invert). */
export function checkOnly(rows: readonly (StudyRow | SubjectRow | FileRow)[]): void {
  const next = { studies: new Map(), subjects: new Map(), files: new Map() };
  for (const row of rows) {
    if ("path" in row) next.files.set(String(row.id), row);
    else if ("psid" in row) next.studies.set(row.psid, row);
    else next.subjects.set(row.pid, row);
  }
  replace(next);
}

export function clearSelection(): void {
  replace(nothing);
}

/** Replace the selection by studies and subjects named elsewhere (gridstats, a link). */
export function selectNamed(names: readonly string[]): void {
  const pick = (study: boolean): [string, null][] =>
    names.filter((name) => name.includes("#") === study).map((name) => [name, null]);
  replace({ studies: new Map(pick(true)), subjects: new Map(pick(false)), files: new Map() });
}

/** Take the selection from the address, when the page opens or the user goes back. */
export function restoreSelection(): void {
  const named = readSelection(router.home.get("sel"));
  if (writeSelection(named) !== writeSelection(selection.targets)) selectNamed(named);
}

/** Rows that were only known by name, or have changed, get what was loaded. */
export function fillSelection(studies: readonly StudyRow[], subjects: readonly SubjectRow[]): void {
  const news = studies.filter((row) => {
    const old = current.studies.get(row.psid);
    return old !== undefined && old !== row;
  });
  const people = subjects.filter((row) => {
    const old = current.subjects.get(row.pid);
    return old !== undefined && old !== row;
  });
  if (news.length === 0 && people.length === 0) return;
  const nextStudies = new Map(current.studies);
  for (const row of news) nextStudies.set(row.psid, row);
  const nextSubjects = new Map(current.subjects);
  for (const row of people) nextSubjects.set(row.pid, row);
  current = { ...current, studies: nextStudies, subjects: nextSubjects };
}
