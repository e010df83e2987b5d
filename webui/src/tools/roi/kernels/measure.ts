// Measures of an image in a ROI by the rules of the service: quantiles, volume, areas, histogram.
import { multiply } from "../../../viewer/linalg";
import type { ImageSource } from "./values";
import { sameGrid } from "./values";
import type { Matrix } from "./pens";
import { encode } from "./runs";

/** Image values at the voxels of a ROI: the nearest image voxel, NaN outside the image. */
export interface Inside {
  values: Float64Array;
  /** Slice of each value along the third axis of the ROI. */
  slices: Uint16Array;
  resampled: boolean;
}

export interface MeasureRules {
  zeros: boolean;
  nora: boolean;
  percentiles: readonly number[];
}

export function readInside(image: ImageSource, roi: Matrix, mask: Uint8Array): Inside {
  const runs = encode(mask);
  let n = 0;
  for (let i = 1; i < runs.length; i += 2) n += runs[i]!;
  const same = sameGrid(image, roi);
  const values = new Float64Array(n);
  const slices = new Uint16Array(n);
  const pull = multiply(image.inverse, roi.affine);
  const [nx, ny] = roi.shape;
  let to = 0;
  for (let i = 0; i < runs.length; i += 2)
    for (let at = runs[i]!; at < runs[i]! + runs[i + 1]!; at++, to++) {
      const row = Math.floor(at / nx);
      const z = Math.floor(row / ny);
      slices[to] = z;
      const from = same ? at : placeOf(image, pull, [at - row * nx, row - z * ny, z]);
      values[to] = from < 0 ? NaN : image.data[image.from + from]! * image.slope + image.inter;
    }
  return { values, slices, resampled: !same };
}

/** Index of the nearest image voxel, -1 outside. */
function placeOf({ shape }: ImageSource, m: readonly number[], v: readonly number[]): number {
  const [x, y, z] = [0, 4, 8].map((r) =>
    Math.floor(m[r]! * v[0]! + m[r + 1]! * v[1]! + m[r + 2]! * v[2]! + m[r + 3]! + 0.5),
  ) as [number, number, number];
  const out = x < 0 || y < 0 || z < 0 || x >= shape[0] || y >= shape[1] || z >= shape[2];
  return out ? -1 : (z * shape[1] + y) * shape[0] + x;
}

/** Sorted values at a share of the way: between neighbours, or as NORA takes them. */
export function quantile(sorted: Float64Array, percent: number, nora: boolean): number | null {
  const n = sorted.length;
  if (!n) return null;
  if (nora) return sorted[Math.min(n - 1, Math.floor((n * percent) / 100))]!;
  const at = ((n - 1) * percent) / 100;
  const low = Math.floor(at);
  const high = Math.min(low + 1, n - 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low);
}

/** Area of a voxel in its slice and its volume; NORA multiplies edges. */
function sizes({ affine: m }: Matrix, nora: boolean): { area: number; volume: number } {
  const column = (c: number): [number, number, number] => [m[c]!, m[4 + c]!, m[8 + c]!];
  const [a, b, c] = [column(0), column(1), column(2)];
  const edge = (v: readonly number[]): number => Math.hypot(...v);
  if (nora) return { area: edge(a) * edge(b), volume: edge(a) * edge(b) * edge(c) };
  const cross = [
    a[1] * b[2] - a[2] * b[1],
    a[2] * b[0] - a[0] * b[2],
    a[0] * b[1] - a[1] * b[0],
  ] as const;
  const volume = Math.abs(cross[0] * c[0] + cross[1] * c[1] + cross[2] * c[2]);
  return { area: edge(cross), volume };
}

function areasOf(slices: Uint16Array, used: Uint8Array | null): Map<number, number> {
  const found = new Map<number, number>();
  slices.forEach((z, i) => {
    if (!used || used[i]) found.set(z, (found.get(z) ?? 0) + 1);
  });
  return found;
}

/** The numbers of one row. */
export function summary({ values, slices }: Inside, roi: Matrix, rules: MeasureRules) {
  const used = Uint8Array.from(values, (v) =>
    Number(!Number.isNaN(v) && !(rules.zeros && v === 0)),
  );
  const some = values.filter((_, i) => used[i]).sort();
  const n = some.length;
  const { area, volume } = sizes(roi, rules.nora);
  const areas = areasOf(slices, rules.nora ? used : null);
  const perSlice = [...areas.values()].map((voxels) => (voxels * area) / 100);
  const voxels = [...areas.values()].reduce((a, b) => a + b, 0);
  const mean = n ? some.reduce((a, b) => a + b, 0) / n : null;
  const spread = mean === null ? 0 : some.reduce((a, b) => a + (b - mean) ** 2, 0);
  const at = (p: number): number | null => quantile(some, p, rules.nora);
  return {
    n_used: n,
    median: at(50),
    iqr1: at(25),
    iqr2: at(75),
    mean,
    std: mean === null ? null : Math.sqrt(spread / n),
    minimum: some[0] ?? null,
    maximum: some[n - 1] ?? null,
    percentiles: Object.fromEntries(rules.percentiles.map((p) => [String(p), at(p)])),
    volume_ml: (voxels * volume) / 1000,
    area_cm2: perSlice.reduce((a, b) => a + b, 0),
    area_max_cm2: Math.max(0, ...perSlice),
    n_slices: perSlice.length,
  };
}

/** Counts between edges; the last bin holds its upper edge, too. */
export function histogram(values: Float64Array, bins: number) {
  const finite = values.filter(Number.isFinite);
  if (!finite.length) return null;
  let low = Infinity;
  let high = -Infinity;
  for (const v of finite) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const counts = new Array<number>(bins).fill(0);
  for (const v of finite) {
    const bin = Math.floor(((v - low) / (high - low)) * bins);
    counts[Math.min(bins - 1, bin)]!++;
  }
  const edges = Array.from({ length: bins + 1 }, (_, i) => low + ((high - low) * i) / bins);
  return { edges, counts };
}
