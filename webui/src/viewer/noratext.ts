// What NORA writes into headers as text: limits of the histogram, the unit of values, the x of series.
import type { Limits } from "./types";

export interface NoraText {
  /** Limits of the histogram in display units. */
  histogram: Limits | null;
  /** Unit of the values, "" if it is not told. */
  unit: string;
  /** Where the time points of a series are, in its own unit. */
  xdata: readonly number[] | null;
}

const MOST_UNIT = 12;
const NUMBERS = String.raw`\[\s*([-+\d.eE,\s]*)\]`;
/** Names stand in quotes, or bare as in program text. */
const LIMITS = new RegExp(String.raw`["']?\bhlim["']?\s*:\s*${NUMBERS}`);
const XDATA = new RegExp(String.raw`["']?\bxdata["']?\s*:\s*${NUMBERS}`);
const UNIT = /["']?\bunit["']?\s*:\s*(["'])(.*?)\1/;

function numbers(text: string, pattern: RegExp): number[] {
  const inside = pattern.exec(text)?.[1]?.trim();
  const found = inside ? inside.split(",").map(Number) : [];
  return found.every(Number.isFinite) ? found : [];
}

/** Only these words are read, never run; what else there is stays unread. */
export function noraText(text: string): NoraText {
  const [low = 0, high = 0] = numbers(text, LIMITS);
  const xdata = numbers(text, XDATA);
  return {
    histogram: high > low ? { low, high } : null,
    unit: (UNIT.exec(text)?.[2] ?? "").trim().slice(0, MOST_UNIT),
    xdata: xdata.length > 1 ? xdata : null,
  };
}
