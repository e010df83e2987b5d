// Fills slices between drawn slices from the signed distances of the two neighbours.
import type { Triple } from "./box";

const FAR = 1e20;

/** Squared distance to the nearest zero of f along a line (lower envelope of parabolas). */
function envelope(f: Float64Array, n: number, step2: number, out: Float64Array): void {
  const v = new Int32Array(n);
  const z = new Float64Array(n + 1);
  let k = 0;
  z[0] = -Infinity;
  z[1] = Infinity;
  for (let q = 1; q < n; q++) {
    let s = crossing(f, v[k]!, q, step2);
    while (s <= z[k]!) s = crossing(f, v[--k]!, q, step2);
    v[++k] = q;
    z[k] = s;
    z[k + 1] = Infinity;
  }
  k = 0;
  for (let q = 0; q < n; q++) {
    while (z[k + 1]! < q) k++;
    const d = q - v[k]!;
    out[q] = d * d * step2 + f[v[k]!]!;
  }
}

function crossing(f: Float64Array, p: number, q: number, step2: number): number {
  return (f[q]! + q * q * step2 - (f[p]! + p * p * step2)) / (2 * step2 * (q - p));
}

/** Squared distances of every pixel to the nearest pixel that is `on`. */
function squared(plane: Uint8Array, w: number, h: number, on: number, step: [number, number]) {
  const d = new Float64Array(w * h);
  for (let i = 0; i < d.length; i++) d[i] = plane[i] === on ? 0 : FAR;
  const line = new Float64Array(Math.max(w, h));
  const out = new Float64Array(Math.max(w, h));
  for (let x = 0; x < w; x++) {
    for (let y = 0; y < h; y++) line[y] = d[y * w + x]!;
    envelope(line, h, step[1] ** 2, out);
    for (let y = 0; y < h; y++) d[y * w + x] = Math.min(out[y]!, FAR);
  }
  for (let y = 0; y < h; y++) {
    line.set(d.subarray(y * w, y * w + w));
    envelope(line, w, step[0] ** 2, out);
    d.set(out.subarray(0, w), y * w);
  }
  return d;
}

/** Distance to the rim, positive inside. */
function signed(plane: Uint8Array, w: number, h: number, step: [number, number]): Float64Array {
  const out = squared(plane, w, h, 0, step);
  const outer = squared(plane, w, h, 1, step);
  for (let i = 0; i < out.length; i++) out[i] = Math.sqrt(out[i]!) - Math.sqrt(outer[i]!);
  return out;
}

/** Strides of a plane across an axis. */
function layout([nx, ny, nz]: Triple, axis: number) {
  if (axis === 0) return { w: ny, h: nz, sx: nx, sy: nx * ny, sz: 1, n: nx, in: [1, 2] };
  if (axis === 1) return { w: nx, h: nz, sx: 1, sy: nx * ny, sz: nx, n: ny, in: [0, 2] };
  return { w: nx, h: ny, sx: 1, sy: nx, sz: nx * ny, n: nz, in: [0, 1] };
}

/**
 * Fill the empty slices along an axis that lie between drawn ones; drawn slices stay as they are.
 * `voxelMm` are the edges of a voxel, so that distances are true in the plane.
 */
export function fillBetween(mask: Uint8Array, shape: Triple, axis: number, voxelMm: Triple) {
  const { w, h, sx, sy, sz, n, in: inPlane } = layout(shape, axis);
  const step: [number, number] = [voxelMm[inPlane[0]!]!, voxelMm[inPlane[1]!]!];
  const out = mask.slice();
  const read = (s: number): Uint8Array => {
    const plane = new Uint8Array(w * h);
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) plane[y * w + x] = mask[s * sz + y * sy + x * sx]!;
    return plane;
  };
  let last: { s: number; plane: Uint8Array } | null = null;
  for (let s = 0; s < n; s++) {
    const plane = read(s);
    if (!plane.includes(1)) continue;
    if (last && s - last.s > 1) {
      const a = signed(last.plane, w, h, step);
      const b = signed(plane, w, h, step);
      for (let m = last.s + 1; m < s; m++) {
        const t = (m - last.s) / (s - last.s);
        for (let y = 0; y < h; y++)
          for (let x = 0; x < w; x++) {
            const at = y * w + x;
            if (a[at]! * (1 - t) + b[at]! * t > 0) out[m * sz + y * sy + x * sx] = 1;
          }
      }
    }
    last = { s, plane };
  }
  return out;
}
