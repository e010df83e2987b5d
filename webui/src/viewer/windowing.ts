// Display limits: presets, automatic limits, histogram, dragging; numbers in display units.
import type { Limits } from "./types";

export interface Preset {
  key: string;
  name: string;
  /** Null: computed from the image. */
  limits: Limits | null;
  fromZero?: boolean;
}

const window = (center: number, width: number): Limits => ({
  low: center - width / 2,
  high: center + width / 2,
});

export const PRESETS: readonly Preset[] = [
  { key: "0", name: "Auto from zero", limits: null, fromZero: true },
  { key: "1", name: "Auto", limits: null },
  { key: "2", name: "CT brain", limits: window(50, 100) },
  { key: "3", name: "CT bone", limits: window(500, 2000) },
  { key: "4", name: "CT soft tissue", limits: window(50, 350) },
  { key: "5", name: "CT liver", limits: window(100, 200) },
  { key: "6", name: "CT lung", limits: window(-500, 1440) },
];

/** A window of one's own, on one of the keys after NORA's. */
export interface OwnWindow {
  name: string;
  center: number;
  width: number;
}

const FIRST_OWN = PRESETS.length;

/** NORA's windows and one's own, each with its key. */
export const windowsWith = (own: readonly OwnWindow[]): Preset[] => [
  ...PRESETS,
  ...own.map(({ name, center, width }, i) => ({
    key: String(FIRST_OWN + i),
    name,
    limits: window(center, width),
  })),
];

const BINS = 1000;

function extent(samples: Float32Array): Limits {
  let low = Infinity;
  let high = -Infinity;
  for (const v of samples) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return { low, high };
}

/** Counts of samples in `bins` equal bins over a range; what lies outside is left out. */
export function histogram(samples: Float32Array, range: Limits, bins: number): Uint32Array {
  const counts = new Uint32Array(bins);
  const perUnit = bins / (range.high - range.low);
  for (const v of samples) {
    if (v < range.low || v > range.high) continue;
    counts[Math.min(bins - 1, Math.floor((v - range.low) * perUnit))]!++;
  }
  return counts;
}

/** Approximate quantiles from a 1000-bin histogram over the whole range. */
export function quantiles(samples: Float32Array, fractions: readonly number[]): number[] {
  const range = extent(samples);
  if (!(range.high > range.low)) return fractions.map(() => range.low);
  const counts = histogram(samples, range, BINS);
  const width = (range.high - range.low) / BINS;
  return fractions.map((fraction) => {
    const wanted = fraction * samples.length;
    let seen = 0;
    let bin = 0;
    while (bin < BINS - 1 && (seen += counts[bin]!) < wanted) bin++;
    return range.low + (bin + 0.5) * width;
  });
}

/** The range a histogram shows: the 3 to 97 % quantiles, shifted by 2 and 10 % of it. */
export function histogramRange(samples: Float32Array, inter = 0): Limits {
  if (samples.length === 0) return { low: 0, high: 1 };
  let [low, high] = quantiles(samples, [0.03, 0.97]) as [number, number];
  if (inter === -1024) [low, high] = [1000 + inter, 1200 + inter];
  if (!(high > low)) {
    const only = high;
    return only > 0 ? { low: 0, high: only } : { low: Math.min(only, 0), high: 1 };
  }
  const width = high - low;
  return { low: low + 0.02 * width, high: high + 0.1 * width };
}

/** Automatic limits: the histogram's range less 5 % below and 10 % above. */
export function autoLimits(range: Limits, fromZero = false): Limits {
  const width = range.high - range.low;
  const high = range.high - 0.1 * width;
  return { low: fromZero ? Math.min(0, high) : range.low + 0.05 * width, high };
}

/** Middle-button drag: right widens, up makes brighter. */
export function dragWindow(start: Limits, range: Limits, dx: number, dy: number): Limits {
  const perPixel = 0.005 * 0.25 * (range.high - range.low);
  const width = Math.max(start.high - start.low + dx * perPixel, perPixel);
  const center = (start.low + start.high) / 2 + dy * perPixel;
  return { low: center - width / 2, high: center + width / 2 };
}

/** Position of a display value between the limits, 0..1, after gamma. */
export function windowed(value: number, limits: Limits, gamma = 1): number {
  const width = limits.high - limits.low;
  const x = width > 0 ? (value - limits.low) / width : value >= limits.high ? 1 : 0;
  return Math.min(1, Math.max(0, x)) ** (1 / gamma);
}

/** Short text of a number, with as many digits as its size deserves. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return minus(value.toString());
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-3) return minus(value.toExponential(2));
  return minus(Number(value.toPrecision(size >= 1000 ? 6 : 4)).toString());
}

/** Use the real minus sign. */
export const minus = (text: string): string => text.replace(/^-/, "\u2212");
