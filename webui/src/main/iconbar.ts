// How the icon bar fits its height: rows get lower, then the last entries go into a menu.

/** Heights of a row with its label, usual and least. */
export const ROW_PX = { most: 46, least: 38 } as const;
const GAP_PX = 2;

export interface Fit {
  rowPx: number;
  /** How many entries of the middle are shown; the others are in the menu "More". */
  shown: number;
}

/**
 * Fit entries into a height. `fixed` rows are always shown (the manual); the entries before
 * them go into a menu from the end when even the lowest rows need too much.
 */
export function fitBar(heightPx: number, entries: number, fixed: number): Fit {
  const rows = entries + fixed;
  const even = Math.floor(heightPx / Math.max(1, rows)) - GAP_PX;
  if (even >= ROW_PX.least) return { rowPx: Math.min(ROW_PX.most, even), shown: entries };
  const room = Math.max(fixed + 1, Math.floor(heightPx / (ROW_PX.least + GAP_PX)));
  // One row is the menu's own.
  const shown = Math.min(entries, Math.max(0, room - fixed - 1));
  const rowPx = Math.floor(heightPx / Math.max(1, shown + fixed + 1)) - GAP_PX;
  return { rowPx: Math.max(ROW_PX.least, Math.min(ROW_PX.most, rowPx)), shown };
}

/**
 * Which entries stay when not all fit: those of low rank number first, in their own order.
 * Whatever is in use stays in any case.
 */
export function chosen<T extends { rank: number; used: boolean }>(
  entries: readonly T[],
  shown: number,
): T[] {
  const order = entries
    .map((entry, i) => ({ entry, i }))
    .sort(
      (a, b) =>
        Number(b.entry.used) - Number(a.entry.used) || a.entry.rank - b.entry.rank || a.i - b.i,
    );
  const kept = new Set(order.slice(0, shown).map(({ entry }) => entry));
  return entries.filter((entry) => kept.has(entry));
}
