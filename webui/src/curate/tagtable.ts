// Filtering, sorting and choosing rows of the tag manager.
import type { TagTotal } from "./retag";

export interface TagSort {
  by: "name" | "n_subjects" | "n_studies" | "n_files";
  down: boolean;
}

const fold = (text: string): string => text.normalize("NFC").toLocaleLowerCase();

/** Tags that hold all words of a filter. */
export function fitting(rows: readonly TagTotal[], filter: string): TagTotal[] {
  const words = fold(filter).split(/\s+/).filter(Boolean);
  return rows.filter((row) => words.every((word) => fold(row.name).includes(word)));
}

export function sorted(rows: readonly TagTotal[], sort: TagSort): TagTotal[] {
  const sign = sort.down ? -1 : 1;
  const byName = (a: TagTotal, b: TagTotal): number => a.name.localeCompare(b.name);
  const { by } = sort;
  if (by === "name") return [...rows].sort((a, b) => sign * byName(a, b));
  return [...rows].sort((a, b) => sign * (a[by] - b[by]) || byName(a, b));
}

export function toggled(chosen: ReadonlySet<string>, name: string): ReadonlySet<string> {
  const next = new Set(chosen);
  if (!next.delete(name)) next.add(name);
  return next;
}

/** The tag of that name among others, compared as the service does; "" when there is none. */
export function existing(taken: readonly string[], name: string, but: readonly string[]): string {
  const wanted = fold(name.trim());
  if (!wanted || but.some((one) => fold(one) === wanted)) return "";
  return taken.find((one) => fold(one) === wanted) ?? "";
}
