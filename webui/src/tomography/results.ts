// Results of tilt series out of the files of a project, and what lies beside one of them.
import { api, path } from "../core/api";
import { inProject } from "../core/session.svelte";
import type { FileRow, Page } from "../core/types";
import { rowDoc } from "../documents/source";
import { emRowOf, type EmRow } from "./em";
import { RESULTS, readCourse, rowOf, type Course, type SeriesRow } from "./series";

/** The table shows so many at the most; each is a small file of its own. */
export const MOST = 200;
const AT_ONCE = 6;

const contentOf = async (file: FileRow): Promise<unknown> =>
  JSON.parse(new TextDecoder().decode(await rowDoc(file).bytes()));

/** A row of a file; null where it is something else, or cannot be read as JSON. */
async function readRow(file: FileRow): Promise<SeriesRow | EmRow | null> {
  try {
    const content = await contentOf(file);
    return emRowOf(file, content) ?? rowOf(file, content);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The newest results of the project, and whether there are more. */
export async function results(): Promise<{ rows: SeriesRow[]; em: EmRow[]; more: boolean }> {
  const query = { files: RESULTS, sort: "-mtime", limit: MOST };
  const page = await api.get<Page<FileRow>>(inProject("files"), query);
  const found: (SeriesRow | EmRow | null)[] = [];
  for (let at = 0; at < page.items.length; at += AT_ONCE)
    found.push(...(await Promise.all(page.items.slice(at, at + AT_ONCE).map(readRow))));
  const there = found.filter((row) => row !== null);
  const rows = there.filter((row): row is SeriesRow => !isEm(row));
  return { rows, em: there.filter(isEm), more: page.next !== null };
}

const isEm = (row: SeriesRow | EmRow): row is EmRow => "kind" in row;

export interface Opened {
  row: SeriesRow;
  course: Course;
  /** What lies in its folder, by path from there. */
  beside: ReadonlyMap<string, FileRow>;
}

/** One result with what lies beside it; null when the file is no such result. */
export async function openResult(id: string): Promise<Opened | null> {
  const file = await api.get<FileRow>(path("files", id));
  const row = await readRow(file);
  if (!row || isEm(row)) return null;
  const beside = await besideOf(row);
  const steps = beside.get("steps.json");
  return { row, course: readCourse(steps ? await contentOf(steps) : []), beside };
}

/** What lies in the folder of a result, by path from there. */
async function besideOf({ file, place }: SeriesRow | EmRow): Promise<Map<string, FileRow>> {
  const query = { study_id: file.study_id, files: `"${place.own}"`, limit: 1000 };
  const { items } = await api.get<Page<FileRow>>(inProject("files"), query);
  const own = items.filter((one) => one.path.startsWith(place.own));
  return new Map(own.map((one) => [one.path.slice(place.own.length), one]));
}

export interface OpenedEm {
  row: EmRow;
  /** What lies in its folder, by path from there. */
  beside: ReadonlyMap<string, FileRow>;
}

/** One stack or image with what lies beside it; null when the file is no such result. */
export async function openEm(id: string): Promise<OpenedEm | null> {
  const row = await readRow(await api.get<FileRow>(path("files", id)));
  return row && isEm(row) ? { row, beside: await besideOf(row) } : null;
}
