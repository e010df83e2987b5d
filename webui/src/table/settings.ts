// The user's habits with the table, remembered by this browser.
import { prefs, remember, type Prefs } from "../core/prefs.svelte";

export type TableHabits = Prefs["table"];

export function setTable(patch: Partial<TableHabits>): void {
  remember("table", { ...prefs.table, ...patch });
}

/** "mask, atlas" -> ["mask", "atlas"] */
export const quickTags = (text: string): string[] => [
  ...new Set(
    text
      .split(",")
      .map((tag) => tag.trim())
      .filter(Boolean),
  ),
];
