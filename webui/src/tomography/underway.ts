// Jobs of tilt series that have no result yet: those that wait or run, and those that failed.
import type { JobRow } from "../core/types-jobs";
import type { SeriesRow } from "./series";

/** What `/jobs` is asked: jobs of this room that are not done. */
export const UNDERWAY = { state: "qre", filter: "function:tomography.", limit: 100 };

/**
 * The jobs that tell of something the list of results does not.
 *
 * A job that failed is old news once its study has a newer job of that kind, or a newer result.
 */
export function underway(
  jobs: readonly JobRow[],
  rows: readonly Pick<SeriesRow, "file">[],
  project: string,
): JobRow[] {
  const newest = new Map<string, number>();
  for (const row of rows) {
    const at = Date.parse(row.file.mtime);
    newest.set(row.file.psid, Math.max(at, newest.get(row.file.psid) ?? at));
  }
  const seen = new Set<string>();
  return [...jobs]
    .filter((job) => job.project === project)
    .sort((one, other) => Date.parse(other.created_at) - Date.parse(one.created_at))
    .filter((job) => {
      const kind = `${job.psid ?? ""} ${job.function}`;
      const old = seen.has(kind);
      seen.add(kind);
      if (job.letter !== "e") return true;
      const result = newest.get(job.psid ?? "");
      return !old && !(result !== undefined && result >= Date.parse(job.created_at));
    });
}
