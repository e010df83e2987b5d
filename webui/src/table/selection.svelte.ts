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

function edit<T>(map: ReadonlyMap<string, T>, key: string, row: T, on: boolean): Map<string, T> {
  const next = new Map(map);
  if (on) next.set(key, row);
  else next.delete(key);
  return next;
}

export function setChecked(rows: readonly Row[], on: boolean): void {
  let { studies, subjects, files } = current;
  for (const row of rows) {
    if (row.kind === "study") studies = edit(studies, row.study.psid, row.study, on);
    else if (row.kind === "subject") subjects = edit(subjects, row.subject.pid, row.subject, on);
    else if (row.kind === "file") files = edit(files, String(row.file.id), row.file, on);
  }
  replace({ studies, subjects, files });
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

/** Rows that were only known by name get their row once it is loaded. */
export function fillSelection(studies: readonly StudyRow[], subjects: readonly SubjectRow[]): void {
  const known = studies.filter((row) => current.studies.get(row.psid) === null);
  const people = subjects.filter((row) => current.subjects.get(row.pid) === null);
  if (known.length === 0 && people.length === 0) return;
  current = {
    ...current,
    studies: new Map([...current.studies, ...known.map((r): [string, StudyRow] => [r.psid, r])]),
    subjects: new Map([
      ...current.subjects,
      ...people.map((r): [string, SubjectRow] => [r.pid, r]),
    ]),
  };
}
