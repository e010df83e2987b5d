// Results of tilt series out of the files of a project, and what lies beside one of them.
import { api, path } from "../core/api";
import { inProject } from "../core/session.svelte";
import type { FileRow, Page } from "../core/types";
import { rowDoc } from "../documents/source";
import { RESULTS, readCourse, rowOf, type Course, type SeriesRow } from "./series";

/** The table shows so many at the most; each is a small file of its own. */
export const MOST = 200;
const AT_ONCE = 6;

const contentOf = async (file: FileRow): Promise<unknown> =>
  JSON.parse(new TextDecoder().decode(await rowDoc(file).bytes()));

/** A row of a file; null where it is something else, or cannot be read as JSON. */
async function readRow(file: FileRow): Promise<SeriesRow | null> {
  try {
    return rowOf(file, await contentOf(file));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The newest results of the project, and whether there are more. */
export async function results(): Promise<{ rows: SeriesRow[]; more: boolean }> {
  const query = { files: RESULTS, sort: "-mtime", limit: MOST };
  const page = await api.get<Page<FileRow>>(inProject("files"), query);
  const rows: (SeriesRow | null)[] = [];
  for (let at = 0; at < page.items.length; at += AT_ONCE)
    rows.push(...(await Promise.all(page.items.slice(at, at + AT_ONCE).map(readRow))));
  return { rows: rows.filter((row) => row !== null), more: page.next !== null };
}

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
  if (!row) return null;
  const query = { study_id: file.study_id, files: `"${row.place.own}"`, limit: 1000 };
  const { items } = await api.get<Page<FileRow>>(inProject("files"), query);
  const own = items.filter((one) => one.path.startsWith(row.place.own));
  const beside = new Map(own.map((one) => [one.path.slice(row.place.own.length), one]));
  const steps = beside.get("steps.json");
  return { row, course: readCourse(steps ? await contentOf(steps) : []), beside };
}
