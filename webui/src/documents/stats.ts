// Figures of columns: how two go together, and what groups of rows have in common.

/** Continued fraction of the incomplete beta function (Numerical Recipes, 6.4). */
function fraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const safe = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let [c, d] = [1, 1 / safe(1 - ((a + b) * x) / (a + 1))];
  let h = d;
  for (let m = 1; m <= 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / safe(1 + even * d);
    c = safe(1 + even / c);
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / safe(1 + odd * d);
    c = safe(1 + odd / c);
    const step = d * c;
    h *= step;
    if (Math.abs(step - 1) < 1e-14) break;
  }
  return h;
}

/** Logarithm of the gamma function (Lanczos). */
function logGamma(x: number): number {
  const of = [
    76.1800917294715, -86.5053203294168, 24.0140982408309, -1.23173957245015, 0.00120865097386618,
    -0.000005395239384953,
  ];
  const sum = of.reduce((total, one, i) => total + one / (x + 1 + i), 1.00000000019);
  return (x + 0.5) * Math.log(x + 5.5) - (x + 5.5) + Math.log((2.50662827463 * sum) / x);
}

function beta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x),
  );
  return x < (a + 1) / (a + b + 2)
    ? (front * fraction(x, a, b)) / a
    : 1 - (front * fraction(1 - x, b, a)) / b;
}

/** Places in order, equal values sharing the mean of theirs. */
export function ranks(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((i, j) => values[i]! - values[j]!);
  const out = Array<number>(values.length);
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) out[order[i]!] = (from + to + 1) / 2;
  }
  return out;
}

export interface Correlation {
  /** Null without spread, or with fewer than three pairs. */
  r: number | null;
  /** How often chance alone gives as much; two-sided, by Student's t. */
  p: number | null;
  n: number;
}

/** Pearson's correlation of the rows where both are there; Spearman's by ranks. */
export function correlate(
  xs: readonly unknown[],
  ys: readonly unknown[],
  byRank = false,
): Correlation {
  const at = [...xs.keys()].filter((i) => isNumber(xs[i]) && isNumber(ys[i]));
  const pick = (of: readonly unknown[]): number[] => {
    const values = at.map((i) => of[i] as number);
    return byRank ? ranks(values) : values;
  };
  const [a, b] = [pick(xs), pick(ys)];
  const n = at.length;
  if (n < 3) return { r: null, p: null, n };
  const [ma, mb] = [mean(a), mean(b)];
  let [saa, sbb, sab] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    saa += (a[i]! - ma) ** 2;
    sbb += (b[i]! - mb) ** 2;
    sab += (a[i]! - ma) * (b[i]! - mb);
  }
  if (!(saa > 0 && sbb > 0)) return { r: null, p: null, n };
  const r = Math.max(-1, Math.min(1, sab / Math.sqrt(saa * sbb)));
  return { r, p: beta(1 - r * r, (n - 2) / 2, 0.5), n };
}

const isNumber = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value);
const mean = (values: readonly number[]): number =>
  values.reduce((sum, one) => sum + one, 0) / values.length;

/** Between sorted values, as numpy does it. */
function quantile(sorted: readonly number[], q: number): number {
  const place = q * (sorted.length - 1);
  const low = Math.floor(place);
  const next = sorted[Math.min(sorted.length - 1, low + 1)]!;
  return sorted[low]! + (place - low) * (next - sorted[low]!);
}

export interface Group {
  name: string;
  values: number[];
  mean: number;
  /** Divided by n - 1; null for a single value. */
  sd: number | null;
  q05: number;
  median: number;
  q95: number;
}

/** Numbers by the text beside them, in the order of the texts; rows without a number are left out. */
export function groupsOf(pairs: readonly (readonly [name: string, value: unknown])[]): Group[] {
  const found = new Map<string, number[]>();
  for (const [name, value] of pairs)
    if (isNumber(value)) found.set(name, [...(found.get(name) ?? []), value]);
  const order = new Intl.Collator("en", { numeric: true });
  return [...found]
    .sort(([a], [b]) => order.compare(a, b))
    .map(([name, values]) => {
      const sorted = [...values].sort((a, b) => a - b);
      const m = mean(sorted);
      const square = sorted.reduce((sum, one) => sum + (one - m) ** 2, 0);
      const sd = sorted.length > 1 ? Math.sqrt(square / (sorted.length - 1)) : null;
      const [q05, median, q95] = [0.05, 0.5, 0.95].map((q) => quantile(sorted, q)) as [
        number,
        number,
        number,
      ];
      return { name, values: sorted, mean: m, sd, q05, median, q95 };
    });
}
