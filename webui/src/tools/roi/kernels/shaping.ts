// Whole-mask operations beside morphology: sets, mirror, smoothing, slices between slices, crop.
import type { Mat4, Vec3 } from "../../../viewer/linalg";
import { multiply } from "../../../viewer/linalg";
import type { Box, Triple } from "./box";
import { bounds, clip, cut, paste, sizeOf, voxels } from "./box";
import type { Matrix } from "./pens";
import { sameGrid } from "./values";

export type SetOperation = "intersection" | "union" | "difference";

/** Combine with partners on the same matrix; the difference takes away all of them. */
export function combine(mask: Uint8Array, others: readonly Uint8Array[], what: SetOperation) {
  const out = mask.slice();
  for (const other of others)
    for (let i = 0; i < out.length; i++) {
      const b = other[i]!;
      out[i] =
        what === "union" ? out[i]! | b : what === "difference" ? out[i]! & (1 - b) : out[i]! & b;
    }
  return out;
}

export const invertMask = (mask: Uint8Array): Uint8Array => mask.map((v) => 1 - v);

/** A mask on another matrix: trilinear, on above a half. */
export function onMatrix(mask: Uint8Array, from: Matrix, to: Matrix): Uint8Array {
  if (sameGrid(from, to)) return mask.slice();
  const m = multiply(from.inverse, to.affine);
  const out = new Uint8Array(voxels(to.shape));
  const sample = trilinear(mask, from.shape);
  const [nx, ny, nz] = to.shape;
  for (let k = 0, at = 0; k < nz; k++)
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++, at++) {
        const x = m[0]! * i + m[1]! * j + m[2]! * k + m[3]!;
        const y = m[4]! * i + m[5]! * j + m[6]! * k + m[7]!;
        const z = m[8]! * i + m[9]! * j + m[10]! * k + m[11]!;
        if (sample(x, y, z) > 0.5) out[at] = 1;
      }
  return out;
}

function trilinear(mask: Uint8Array, [nx, ny, nz]: Triple) {
  const at = (x: number, y: number, z: number): number =>
    x < 0 || y < 0 || z < 0 || x >= nx || y >= ny || z >= nz ? 0 : mask[(z * ny + y) * nx + x]!;
  return (x: number, y: number, z: number): number => {
    const [i, j, k] = [Math.floor(x), Math.floor(y), Math.floor(z)];
    if (i < -1 || j < -1 || k < -1 || i >= nx || j >= ny || k >= nz) return 0;
    const [u, v, w] = [x - i, y - j, z - k];
    let sum = 0;
    for (let c = 0; c < 8; c++) {
      const [a, b, e] = [c & 1, (c >> 1) & 1, c >> 2];
      const weight = (a ? u : 1 - u) * (b ? v : 1 - v) * (e ? w : 1 - w);
      if (weight > 0) sum += weight * at(i + a, j + b, k + e);
    }
    return sum;
  };
}

/** World reflection about a plane through `point` with a unit normal. */
export function reflection(point: Vec3, n: Vec3): Mat4 {
  const d = 2 * (n[0] * point[0] + n[1] * point[1] + n[2] * point[2]);
  const entry = (r: number, c: number): number => (r === c ? 1 : 0) - 2 * n[r]! * n[c]!;
  const rows = [0, 1, 2].flatMap((r) => [entry(r, 0), entry(r, 1), entry(r, 2), n[r]! * d]);
  return [...rows, 0, 0, 0, 1];
}

/** Mirror a mask about a plane of the world, nearest voxel (ties go up). */
export function mirror(mask: Uint8Array, matrix: Matrix, point: Vec3, normal: Vec3): Uint8Array {
  const m = multiply(matrix.inverse, multiply(reflection(point, normal), matrix.affine));
  const [nx, ny, nz] = matrix.shape;
  const out = new Uint8Array(mask.length);
  for (let k = 0, at = 0; k < nz; k++)
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++, at++) {
        const x = Math.floor(m[0]! * i + m[1]! * j + m[2]! * k + m[3]! + 0.5 + 1e-6);
        const y = Math.floor(m[4]! * i + m[5]! * j + m[6]! * k + m[7]! + 0.5 + 1e-6);
        const z = Math.floor(m[8]! * i + m[9]! * j + m[10]! * k + m[11]! + 0.5 + 1e-6);
        if (x >= 0 && y >= 0 && z >= 0 && x < nx && y < ny && z < nz)
          out[at] = mask[(z * ny + y) * nx + x]!;
      }
  return out;
}

/** Sums that are added four or two at a time: as bytes where the largest fits in one. */
class Sums {
  readonly each: Uint8Array | Uint16Array;
  readonly lanes: Uint32Array;

  constructor(n: number, most: number) {
    this.each = most < 256 ? new Uint8Array(n) : new Uint16Array(n);
    this.lanes = new Uint32Array(this.each.buffer);
  }

  /** Add the first sums of others, from a place on; no sum gets too large for its lane. */
  add({ lanes: values }: Sums, from = 0): void {
    const { lanes } = this;
    for (let i = 0; i < lanes.length; i++) lanes[i] = lanes[i]! + values[from + i]!;
  }

  subtract({ lanes: values }: Sums, from = 0): void {
    const { lanes } = this;
    for (let i = 0; i < lanes.length; i++) lanes[i] = lanes[i]! - values[from + i]!;
  }
}

/** Running sums along a row over 2r + 1 voxels; voxels outside count as off. */
function rowSums(data: Uint8Array, from: number, out: Sums, to: number, n: number, r: number) {
  const { each } = out;
  let sum = 0;
  for (let i = 0; i < Math.min(r, n); i++) sum += data[from + i]!;
  for (let i = 0; i < n; i++) {
    if (i + r < n) sum += data[from + i + r]!;
    if (i - r > 0) sum -= data[from + i - r - 1]!;
    each[to + i] = sum;
  }
}

/** The same across rows that lie side by side. */
function sheetSums(rows: Sums, out: Sums, line: Sums, r: number): void {
  const width = line.lanes.length;
  const n = rows.lanes.length / width;
  line.lanes.fill(0);
  for (let i = -r; i < n; i++) {
    if (i > r) line.subtract(rows, (i - r - 1) * width);
    if (i + r < n) line.add(rows, (i + r) * width);
    if (i >= 0) out.lanes.set(line.lanes, i * width);
  }
}

/** Sums over a box around every voxel, plane by plane; rows are filled up to whole words. */
function eachPlane(
  mask: Uint8Array,
  [nx, ny, nz]: Triple,
  [rx, ry, rz]: Triple,
  visit: (z: number, sums: Sums, width: number) => void,
): void {
  const width = Math.ceil(nx / 4) * 4;
  const most = (2 * rx + 1) * (2 * ry + 1) * (2 * rz + 1);
  const plane = (): Sums => new Sums(width * ny, most);
  const [rows, sums, line] = [plane(), plane(), new Sums(width, most)];
  const kept = Array.from({ length: 2 * rz + 1 }, plane);
  for (let z = -rz; z < nz; z++) {
    // The plane that comes takes the place of the one that goes.
    const next = kept[(z + rz) % kept.length]!;
    if (z > rz) sums.subtract(next);
    if (z + rz < nz) {
      for (let y = 0, from = (z + rz) * nx * ny; y < ny; y++, from += nx)
        rowSums(mask, from, rows, y * width, nx, rx);
      sheetSums(rows, next, line, ry);
      sums.add(next);
    }
    if (z >= 0) visit(z, sums, width);
  }
}

/** Majority of the box of 2r + 1 voxels along each axis: knobs go, dents fill up. */
export function smoothMask(mask: Uint8Array, shape: Triple, radius: Triple): Uint8Array {
  const out = new Uint8Array(mask.length);
  const inner = bounds(mask, shape);
  const box = inner && clip(inner, shape, Math.max(...radius));
  if (!box) return out;
  const half = Math.floor(radius.reduce((n, r) => n * (2 * r + 1), 1) / 2);
  const [nx, ny] = shape;
  const size = sizeOf(box);
  eachPlane(cut(mask, shape, box), size, radius, (z, { each }, width) => {
    for (let y = 0; y < size[1]; y++) {
      const to = ((box.low[2] + z) * ny + box.low[1] + y) * nx + box.low[0];
      // The sign of the difference: noise would make a branch of every voxel a guess.
      for (let x = 0, at = y * width; x < size[0]; x++, at++)
        out[to + x] = (half - each[at]!) >>> 31;
    }
  });
  return out;
}

/** Only what lies in a box. */
export function cropTo(mask: Uint8Array, shape: Triple, box: Box): Uint8Array {
  const out = new Uint8Array(mask.length);
  const inside = clip(box, shape);
  if (inside) paste(out, shape, inside, cut(mask, shape, inside));
  return out;
}
