// Arithmetic of plots: scales with round ticks, bins, numbers as text. Nothing here draws.

export interface Scale {
  low: number;
  high: number;
  ticks: number[];
}

/** Steps of 1, 2 or 5 times a power of ten, about `n` of them. */
export function ticks(low: number, high: number, n = 6): number[] {
  if (!(high > low) || !Number.isFinite(high - low)) return [low];
  const rough = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

/** A scale around values, with a little room at both ends. */
export function scaleOf(values: Iterable<number>, n = 6): Scale {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return { low: 0, high: 1, ticks: [0, 1] };
  const room = high > low ? (high - low) * 0.03 : Math.abs(high) * 0.05 || 0.5;
  return { low: low - room, high: high + room, ticks: ticks(low - room, high + room, n) };
}

export const place = (scale: Scale, value: number, size: number): number =>
  ((value - scale.low) / (scale.high - scale.low)) * size;

/** A number as short as it stays readable: 12.5, 0.00031, 1.2e9. */
export function short(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text =
    size >= 1e7 || size < 1e-4
      ? value
          .toExponential(digits - 2)
          .replace(/\.?0+e/, "e")
          .replace("e+", "e")
      : String(Number(value.toPrecision(Math.max(digits, Math.ceil(Math.log10(size))))));
  return text.replace("-", "−");
}

export interface Bars {
  labels: string[];
  counts: number[];
  /** Left edges and the last right edge, when bars are ranges of numbers. */
  edges: number[];
}

/** Bars of values that are at hand: ranges when most are numbers, else the most frequent texts. */
export function barsOf(values: readonly unknown[], n = 30): Bars {
  const present = values.filter((value) => value !== null && value !== undefined);
  const numbers = present.filter((value) => typeof value === "number");
  if (numbers.length === 0 || numbers.length * 2 < present.length) return textBars(present, n);
  const low = numbers.reduce((a, b) => Math.min(a, b), Infinity);
  const high = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!(high > low)) {
    return { labels: [short(low)], counts: [numbers.length], edges: [low - 0.5, low + 0.5] };
  }
  const width = (high - low) / n;
  const counts = new Array<number>(n).fill(0);
  for (const value of numbers) {
    const bin = Math.min(n - 1, Math.floor((value - low) / width));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const edges = Array.from({ length: n + 1 }, (_, i) => low + i * width);
  return { labels: rangeLabels(edges), counts, edges };
}

export const rangeLabels = (edges: readonly number[]): string[] =>
  edges.slice(1).map((edge, i) => `${short(edges[i])} … ${short(edge)}`);

function textBars(values: readonly unknown[], n: number): Bars {
  const found = new Map<string, number>();
  for (const value of values) found.set(String(value), (found.get(String(value)) ?? 0) + 1);
  const top = [...found].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).slice(0, n);
  return { labels: top.map(([text]) => text), counts: top.map(([, count]) => count), edges: [] };
}

/** Pearson's correlation and the regression line of y on x. */
export function line(points: readonly (readonly [number, number])[]): {
  r: number | null;
  slope: number | null;
  intercept: number | null;
} {
  const n = points.length;
  const mx = points.reduce((sum, [x]) => sum + x, 0) / n;
  const my = points.reduce((sum, [, y]) => sum + y, 0) / n;
  let [sxx, syy, sxy] = [0, 0, 0];
  for (const [x, y] of points) {
    sxx += (x - mx) ** 2;
    syy += (y - my) ** 2;
    sxy += (x - mx) * (y - my);
  }
  if (n < 2 || sxx === 0) return { r: null, slope: null, intercept: null };
  const slope = sxy / sxx;
  return { r: syy > 0 ? sxy / Math.sqrt(sxx * syy) : null, slope, intercept: my - slope * mx };
}

const COLOURS = ["#e8a33d", "#4fb8a8", "#9d7bff", "#ff80a5", "#6fa8dc", "#b8c94a", "#c8c8c8"];

/** Groups in order of size with their colours; the rest shares the last one. */
export function colours(groups: readonly (string | null)[]): Map<string, string> {
  const sizes = new Map<string, number>();
  for (const one of groups) sizes.set(one ?? "", (sizes.get(one ?? "") ?? 0) + 1);
  const sorted = [...sizes].sort((a, b) => b[1] - a[1]);
  const last = COLOURS.length - 1;
  return new Map(sorted.map(([name], i) => [name, COLOURS[Math.min(i, last)] ?? ""]));
}

const RISKY = /^[=+\-@\t\r]/;

/** Rows as CSV; no cell is a formula to a spreadsheet. */
export function csvOf(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cell = (value: unknown): string => {
    if (value === null || value === undefined) return "";
    const text = typeof value === "string" && RISKY.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
