// Cuts thin slabs out of a volume along one of its own axes and thins samples; CPU only.
import type { Mat4, Vec3 } from "./linalg";
import { applyLinear } from "./linalg";
import type { StoredArray } from "./nifti";
import type { Projection } from "./scene";
import type { Volume } from "./volume";

/** One or two neighbouring slices of a volume, i fastest, in the volume's own axis order. */
export interface Slab {
  axis: number;
  first: number;
  depth: number;
  shape: Vec3;
  data: StoredArray;
}

/** Voxel axis that stays constant over a plane spanned by two world directions, or null. */
export function constantAxis(inverse: Mat4, right: Vec3, up: Vec3): number | null {
  const u = applyLinear(inverse, right);
  const v = applyLinear(inverse, up);
  const size = Math.max(...u.map(Math.abs), ...v.map(Math.abs));
  const flat = [0, 1, 2].filter((a) => Math.hypot(u[a]!, v[a]!) < 2e-4 * size);
  return flat.length === 1 ? flat[0]! : null;
}

/** The slices needed to show a continuous voxel position: one, or two when it lies between. */
export function slabRange(position: number, n: number, nearest: boolean): [number, number] | null {
  if (position < -0.5 - 1e-6 || position > n - 0.5 + 1e-6) return null;
  const inside = Math.min(n - 1, Math.max(0, position));
  const rounded = Math.round(inside);
  if (nearest || Math.abs(inside - rounded) < 0.02) return [rounded, 1];
  return [Math.floor(inside), 2];
}

/** The slices of a thick slab about a position, cut at the ends of the volume. */
export function thickRange(position: number, n: number, thick: number): [number, number] | null {
  if (position < -0.5 || position > n - 0.5) return null;
  const first = Math.round(position - (thick - 1) / 2);
  const from = Math.max(0, first);
  return [from, Math.max(1, Math.min(n, first + thick) - from)];
}

/** Maximum, mean or minimum of a slab, as one slice. */
export function projectSlab(
  volume: Volume,
  axis: number,
  first: number,
  depth: number,
  frame: number,
  how: Projection,
): Slab {
  const start = cutSlab(volume, axis, first, 1, frame);
  const out = new Float32Array(start.data);
  for (let k = first + 1; k < first + depth; k++) {
    const { data } = cutSlab(volume, axis, k, 1, frame);
    if (how === "mean") for (let i = 0; i < out.length; i++) out[i]! += data[i]!;
    else if (how === "max")
      for (let i = 0; i < out.length; i++) out[i] = Math.max(out[i]!, data[i]!);
    else for (let i = 0; i < out.length; i++) out[i] = Math.min(out[i]!, data[i]!);
  }
  if (how === "mean") for (let i = 0; i < out.length; i++) out[i]! /= depth;
  // Back to the stored type, so that texels are made as always.
  const data = make(volume.data, out.length);
  for (let i = 0; i < out.length; i++) data[i] = out[i]!;
  return { ...start, data };
}

function make(like: StoredArray, n: number): StoredArray {
  return new (like.constructor as new (n: number) => StoredArray)(n);
}

/** Cut `depth` slices starting at `first` along `axis`. */
export function cutSlab(
  volume: Volume,
  axis: number,
  first: number,
  depth: number,
  frame = 0,
): Slab {
  const [nx, ny, nz] = volume.shape;
  const c = volume.channels;
  const data = volume.frameSamples(frame)!;
  const shape = volume.shape.map((n, a) => (a === axis ? depth : n)) as unknown as Vec3;
  if (axis === 2) {
    const from = first * nx * ny * c;
    return { axis, first, depth, shape, data: data.subarray(from, from + depth * nx * ny * c) };
  }
  const out = make(data, shape[0] * shape[1] * shape[2] * c);
  if (axis === 1) {
    const row = nx * c * depth;
    for (let k = 0; k < nz; k++) {
      const from = (k * ny + first) * nx * c;
      out.set(data.subarray(from, from + row), k * row);
    }
    return { axis, first, depth, shape, data: out };
  }
  const run = depth * c;
  for (let line = 0, to = 0; line < ny * nz; line++) {
    const from = (line * nx + first) * c;
    for (let e = 0; e < run; e++) out[to++] = data[from + e]!;
  }
  return { axis, first, depth, shape, data: out };
}

/** Evenly spread display values (zeros and non-finite left out), at most `limit` of them. */
export function thinSamples(volume: Volume, frame = 0, limit = 50001): Float32Array {
  const { slope, inter } = volume.header;
  const c = volume.channels;
  const perSlice = volume.shape[0] * volume.shape[1] * c;
  const early = volume.complete ? null : [...volume.early][0];
  if (!volume.complete && early === undefined) return new Float32Array(0);
  const start = early == null ? 0 : early * perSlice;
  const data = volume.frameSamples(early == null ? frame : 0);
  if (!data) return new Float32Array(0);
  const count = early == null ? volume.voxelsPerFrame * c : perSlice;
  // An odd, irrational-like step, so that rows of the image do not line up with it.
  const step = Math.max(1, count / limit);
  const out = new Float32Array(Math.min(limit, count));
  let n = 0;
  for (let s = 0; s < count && n < out.length; s += step) {
    const stored = data[start + Math.floor(s)]!;
    if (stored !== 0 && Number.isFinite(stored)) out[n++] = stored * slope + inter;
  }
  return out.subarray(0, n);
}
