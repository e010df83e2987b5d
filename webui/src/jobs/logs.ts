// Where a line of a log is in what was read of it.

/** A line that was found: its number in the whole log, and the text that it holds. */
export interface Spot {
  line: number;
  find: string;
}

/** Ends of lines in a text. */
export function endsIn(text: string): number {
  let n = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) n += 1;
  return n;
}

/**
 * First and last character of a line, null while it is not here. `dropped` lines before the text
 * are no longer here. Where a log was cut the numbers are off: the nearest line that holds the
 * text is taken.
 */
export function spanOf(text: string, spot: Spot, dropped = 0): [number, number] | null {
  const find = spot.find.toLowerCase();
  let best: [number, number] | null = null;
  let off = Infinity;
  let start = 0;
  for (let n = dropped + 1; start < text.length; n += 1) {
    const stop = text.indexOf("\n", start);
    const end = stop < 0 ? text.length : stop;
    const away = Math.abs(n - spot.line);
    if (away < off && text.slice(start, end).toLowerCase().includes(find)) {
      best = [start, end];
      off = away;
    }
    if (off === 0 || (n >= spot.line && best && away > off)) break;
    start = end + 1;
  }
  return best;
}
