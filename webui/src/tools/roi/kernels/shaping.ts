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

/** Running sums along one axis over 2r + 1 voxels; voxels outside count as off. */
function boxSums(data: Uint16Array, shape: Triple, axis: number, r: number): Uint16Array {
  const out = new Uint16Array(data.length);
  const n = shape[axis]!;
  const stride = axis === 0 ? 1 : axis === 1 ? shape[0] : shape[0] * shape[1];
  for (let from = 0; from < data.length; from += n * stride)
    if (stride === 1) lineSums(data, out, from, n, r);
    else sheetSums(data, out, from, n, stride, r);
  return out;
}

function lineSums(data: Uint16Array, out: Uint16Array, from: number, n: number, r: number): void {
  let sum = 0;
  for (let i = 0; i < Math.min(r, n); i++) sum += data[from + i]!;
  for (let i = 0; i < n; i++) {
    if (i + r < n) sum += data[from + i + r]!;
    if (i - r > 0) sum -= data[from + i - r - 1]!;
    out[from + i] = sum;
  }
}

/** The same for rows or planes side by side: memory is read in the order it lies. */
function sheetSums(
  data: Uint16Array,
  out: Uint16Array,
  from: number,
  n: number,
  stride: number,
  r: number,
): void {
  const sums = new Uint16Array(stride);
  for (let i = -r; i < n; i++) {
    if (i + r < n) {
      const next = from + (i + r) * stride;
      for (let p = 0; p < stride; p++) sums[p]! += data[next + p]!;
    }
    if (i - r > 0) {
      const gone = from + (i - r - 1) * stride;
      for (let p = 0; p < stride; p++) sums[p]! -= data[gone + p]!;
    }
    if (i >= 0) out.set(sums, from + i * stride);
  }
}

/** Majority of the box of 2r + 1 voxels along each axis: knobs go, dents fill up. */
export function smoothMask(mask: Uint8Array, shape: Triple, radius: Triple): Uint8Array {
  const out = new Uint8Array(mask.length);
  const inner = bounds(mask, shape);
  const box = inner && clip(inner, shape, Math.max(...radius));
  if (!box) return out;
  const size = sizeOf(box);
  let sums: Uint16Array = new Uint16Array(cut(mask, shape, box));
  for (let axis = 0; axis < 3; axis++)
    if (radius[axis]! > 0) sums = boxSums(sums, size, axis, radius[axis]!);
  const half = radius.reduce((n, r) => n * (2 * r + 1), 1) / 2;
  const part = new Uint8Array(sums.length);
  for (let i = 0; i < sums.length; i++) part[i] = Number(sums[i]! > half);
  paste(out, shape, box, part);
  return out;
}

/** Only what lies in a box. */
export function cropTo(mask: Uint8Array, shape: Triple, box: Box): Uint8Array {
  const out = new Uint8Array(mask.length);
  const inside = clip(box, shape);
  if (inside) paste(out, shape, inside, cut(mask, shape, inside));
  return out;
}
