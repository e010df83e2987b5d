// Where rows are: a flat list of top rows with opened blocks in between. Pure arithmetic.

/** Children shown below top row `index`. */
export interface Block<C> {
  index: number;
  rows: readonly C[];
}

export type Place<C> = { index: number; child: null } | { index: number; child: C; nth: number };

export function sortBlocks<C>(blocks: readonly Block<C>[]): Block<C>[] {
  return blocks.filter((block) => block.index >= 0).sort((a, b) => a.index - b.index);
}

export function flatCount<C>(top: number, blocks: readonly Block<C>[]): number {
  return blocks.reduce((sum, block) => sum + block.rows.length, top);
}

/** Which row stands at flat position `at`; `blocks` sorted by index. */
export function placeAt<C>(at: number, blocks: readonly Block<C>[]): Place<C> {
  let shift = 0;
  for (const block of blocks) {
    const first = block.index + shift + 1;
    if (at < first) break;
    const nth = at - first;
    const child = block.rows[nth];
    if (child !== undefined) return { index: block.index, child, nth };
    shift += block.rows.length;
  }
  return { index: at - shift, child: null };
}

/** Flat position of top row `index`. */
export function flatOfTop<C>(index: number, blocks: readonly Block<C>[]): number {
  let at = index;
  for (const block of blocks) if (block.index < index) at += block.rows.length;
  return at;
}

export interface Window {
  first: number;
  last: number;
}

const STEP = 6;

/** Rows to draw: those in sight and `margin` beyond, as a half-open range of whole steps. */
export function visible(
  scrollTop: number,
  height: number,
  rowHeight: number,
  count: number,
  margin = 8,
): Window {
  const above = Math.floor(scrollTop / rowHeight) - margin;
  const below = Math.ceil((scrollTop + height) / rowHeight) + margin;
  const first = Math.max(0, Math.floor(above / STEP) * STEP);
  const last = Math.min(count, Math.ceil(below / STEP) * STEP);
  return { first: Math.min(first, last), last };
}
