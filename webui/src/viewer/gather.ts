// Reads one layer at the pixels of a small picture of a plane, on the processor.
import type { Vec3 } from "./linalg";
import { applyLinear, scale } from "./linalg";
import type { StoredArray } from "./nifti";
import type { View } from "./planes";
import { screenToWorld } from "./planes";
import type { Volume } from "./volume";

/** Width and height of a picture; its lowest row comes first, as on the device. */
export type PictureSize = readonly [width: number, height: number];

/** Voxel coordinates of the first pixel, and how they change along a row and from row to row. */
interface Steps {
  start: Vec3;
  x: Vec3;
  y: Vec3;
}

/** Samples from `low` to below `high` lie inside; offsets of both neighbours, share of the second. */
interface Line {
  low: number;
  high: number;
  at: Int32Array;
  next: Int32Array;
  share: Float64Array;
}

function steps(view: View, volume: Volume, [w, h]: PictureSize): Steps {
  const { size, mmPerPixel, axes } = view;
  const [sx, sy] = [size.width / w, size.height / h];
  return {
    start: volume.toVoxel(screenToWorld(view, { x: sx / 2, y: size.height - sy / 2 })),
    x: applyLinear(volume.inverse, scale(axes.right, mmPerPixel * sx)),
    y: applyLinear(volume.inverse, scale(axes.up, mmPerPixel * sy)),
  };
}

const strides = ({ shape, channels }: Volume): Vec3 => [
  channels,
  channels * shape[0],
  channels * shape[0] * shape[1],
];

/** Which of the voxel axes change along a row (or from row to row); null: one changes in both. */
function apart({ x, y }: Steps): { across: number[]; along: number[]; still: number[] } | null {
  const small = 1e-6 * Math.max(...x.map(Math.abs), ...y.map(Math.abs));
  const moves = (by: Vec3, a: number): boolean => Math.abs(by[a]!) > small;
  const all = [0, 1, 2];
  if (all.some((a) => moves(x, a) && moves(y, a))) return null;
  return {
    across: all.filter((a) => moves(x, a)),
    along: all.filter((a) => moves(y, a)),
    still: all.filter((a) => !moves(x, a) && !moves(y, a)),
  };
}

/** Where `n` steps along one voxel axis fall: the nearest voxel, or the two to blend. */
function line(
  start: number,
  by: number,
  n: number,
  voxels: number,
  stride: number,
  nearest: boolean,
): Line {
  const out: Line = {
    low: n,
    high: 0,
    at: new Int32Array(n),
    next: new Int32Array(n),
    share: new Float64Array(n),
  };
  const [from, blend] = nearest ? [0.5, 0] : [1e-6, 1];
  for (let i = 0; i < n; i++) {
    const v = start + i * by;
    if (v < -0.5 || v >= voxels - 0.5) continue;
    if (i < out.low) out.low = i;
    out.high = i + 1;
    const inside = Math.min(voxels - 1, Math.max(0, v));
    const first = Math.floor(inside + from);
    out.at[i] = first * stride;
    out.next[i] = Math.min(voxels - 1, first + 1) * stride;
    out.share[i] = blend * Math.max(0, inside - first);
  }
  return out;
}

interface Grid {
  base: number;
  columns: Line;
  rows: Line;
}

/** Rows and columns of a plane along the grid of a volume; null: oblique, "outside": past its end. */
function grid(
  volume: Volume,
  at: Steps,
  [w, h]: PictureSize,
  nearest: boolean,
): Grid | null | "outside" {
  const split = apart(at);
  if (!split || split.across.length !== 1 || split.along.length !== 1) return null;
  const [a, b, c] = [split.across[0]!, split.along[0]!, split.still[0]!];
  const by = strides(volume);
  const depth = Math.floor(at.start[c]! + 0.5);
  if (depth < 0 || depth >= volume.shape[c]!) return "outside";
  return {
    base: depth * by[c]!,
    columns: line(at.start[a]!, at.x[a]!, w, volume.shape[a]!, by[a]!, nearest),
    rows: line(at.start[b]!, at.y[b]!, h, volume.shape[b]!, by[b]!, nearest),
  };
}

function alongGrid({ base, columns, rows }: Grid, w: number, out: Int32Array): void {
  for (let y = rows.low; y < rows.high; y++) {
    const row = base + rows.at[y]!;
    for (let x = columns.low; x < columns.high; x++) out[y * w + x] = row + columns.at[x]!;
  }
}

function oblique(volume: Volume, at: Steps, [w, h]: PictureSize, out: Int32Array): void {
  const [nx, ny, nz] = volume.shape;
  const [si, sj, sk] = strides(volume);
  for (let y = 0; y < h; y++) {
    let [u, v, t] = at.start.map((from, a) => from + y * at.y[a]! + 0.5) as unknown as Vec3;
    for (let x = 0; x < w; x++, u += at.x[0], v += at.x[1], t += at.x[2]) {
      const [i, j, k] = [Math.floor(u), Math.floor(v), Math.floor(t)];
      if (i >= 0 && j >= 0 && k >= 0 && i < nx && j < ny && k < nz)
        out[y * w + x] = i * si + j * sj + k * sk;
    }
  }
}

/** Where the voxel of each pixel begins among the samples of a time point; -1: outside. */
export function offsets(view: View, volume: Volume, size: PictureSize): Int32Array {
  const out = new Int32Array(size[0] * size[1]).fill(-1);
  const at = steps(view, volume, size);
  const found = grid(volume, at, size, true);
  if (found === null) oblique(volume, at, size, out);
  else if (found !== "outside") alongGrid(found, size[0], out);
  return out;
}

/** Stored values of the pixels, blended within the plane unless it is oblique; NaN: outside. */
export function values(
  view: View,
  volume: Volume,
  data: StoredArray,
  size: PictureSize,
  nearest: boolean,
): Float64Array {
  const out = new Float64Array(size[0] * size[1]).fill(NaN);
  const found = nearest ? null : grid(volume, steps(view, volume, size), size, false);
  if (found === "outside") return out;
  if (found && blends(found)) {
    blended(found, data, size[0], out);
    return out;
  }
  const at = offsets(view, volume, size);
  for (let i = 0; i < at.length; i++) if (at[i]! >= 0) out[i] = data[at[i]!]!;
  return out;
}

const blends = ({ columns, rows }: Grid): boolean =>
  columns.share.some((by) => by > 0) || rows.share.some((by) => by > 0);

function blended({ base, columns, rows }: Grid, data: StoredArray, w: number, out: Float64Array) {
  const { at, next, share } = columns;
  for (let y = rows.low; y < rows.high; y++) {
    const [low, high, g] = [base + rows.at[y]!, base + rows.next[y]!, rows.share[y]!];
    for (let x = columns.low; x < columns.high; x++) {
      const [p, q, f] = [at[x]!, next[x]!, share[x]!];
      const under = data[low + p]! * (1 - f) + data[low + q]! * f;
      const over = data[high + p]! * (1 - f) + data[high + q]! * f;
      out[y * w + x] = under * (1 - g) + over * g;
    }
  }
}
