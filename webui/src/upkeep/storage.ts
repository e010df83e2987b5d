// What the data folder takes on disk, as the page works with it.
import type { Schema } from "../core/types";

export type Storage = Schema["StorageFacts"];
export interface Freeable {
  what: "cache" | "trash" | "jobs";
  days: number;
  n: number;
  size_bytes: number;
}

export const FOLDERS = [
  "jobs",
  "cache",
  "trash",
  "backups",
  "quarantine",
  "incoming",
  "models",
  "tmp",
] as const;
const USUAL_DAYS = 30;

/** One of the parts that were measured; nothing when it was not. */
export const partOf = (found: Storage, part: string): Storage["parts"][number] =>
  found.parts.find((one) => one.part === part) ?? { part, size_bytes: 0, n: 0 };

/** What may be freed, with the ages that the settings name. */
export function freeable(found: Storage): Freeable[] {
  const [cache, trash, jobs] = ["cache", "trash_due", "jobs_due"].map((part) =>
    partOf(found, part),
  );
  const facts = (part = cache): { n: number; size_bytes: number } => ({
    n: part?.n ?? 0,
    size_bytes: part?.size_bytes ?? 0,
  });
  return [
    { what: "cache", days: 1, ...facts(cache) },
    { what: "trash", days: found.trash_days || USUAL_DAYS, ...facts(trash) },
    { what: "jobs", days: found.jobs_days || USUAL_DAYS, ...facts(jobs) },
  ];
}

/** A day in the reader's locale. */
export const dayText = (day: string): string =>
  new Date(`${day}T00:00`).toLocaleDateString(undefined, { dateStyle: "medium" });

/** The course of what there was, from zero, by the days that lie between. */
export function line(growth: Storage["growth"], width: number, height: number): string {
  const days = growth.map((one) => Date.parse(one.day));
  const first = days[0] ?? 0;
  const span = (days.at(-1) ?? 0) - first || 1;
  const high = Math.max(1, ...growth.map((one) => one.size_bytes));
  return growth
    .map((one, i) => {
      const x = (((days[i] ?? 0) - first) / span) * width;
      return `${x.toFixed(1)},${(height - (one.size_bytes / high) * height).toFixed(1)}`;
    })
    .join(" ");
}
