// Image values under the voxels of a patch, and the tests that threshold and magic pens make.
import type { Vec3 } from "../../../viewer/linalg";
import { multiply } from "../../../viewer/linalg";
import { sizeOf } from "./box";
import { connected, inWindow } from "./growing";
import type { Matrix, Patch } from "./pens";
import { placeIn } from "./pens";

/** One time point of an image with scaled values. */
export interface ImageSource extends Matrix {
  data: ArrayLike<number>;
  /** Index of the first sample of the time point. */
  from: number;
  slope: number;
  inter: number;
}

const same = (a: Matrix, b: Matrix): boolean =>
  a.shape.every((n, i) => n === b.shape[i]) && sameAffine(a, b);

/** Whether two matrices put every corner at the same place, to a thousandth of a voxel. */
function sameAffine(a: Matrix, b: Matrix): boolean {
  const pull = multiply(a.inverse, b.affine);
  const most = Math.max(...b.shape);
  return pull.every((v, i) => Math.abs(v - (i % 5 === 0 ? 1 : 0)) * most < 1e-3);
}

export const sameGrid = same;

/** Value of the image voxel nearest to every voxel of a patch; NaN outside the image. */
export function valuesUnder(image: ImageSource, matrix: Matrix, { box }: Patch): Float64Array {
  const [w, h, d] = sizeOf(box);
  const out = new Float64Array(w * h * d);
  const m = same(image, matrix) ? null : multiply(image.inverse, matrix.affine);
  const [nx, ny, nz] = image.shape;
  const { data, from, slope, inter } = image;
  for (let k = 0, at = 0; k < d; k++)
    for (let j = 0; j < h; j++) {
      const y = box.low[1] + j;
      const z = box.low[2] + k;
      for (let i = 0; i < w; i++, at++) {
        const x = box.low[0] + i;
        const [a, b, c] = m ? nearest(m, x, y, z) : [x, y, z];
        const inside = a >= 0 && b >= 0 && c >= 0 && a < nx && b < ny && c < nz;
        out[at] = inside ? data[from + (c * ny + b) * nx + a]! * slope + inter : NaN;
      }
    }
  return out;
}

function nearest(m: readonly number[], x: number, y: number, z: number): Vec3 {
  return [
    Math.floor(m[0]! * x + m[1]! * y + m[2]! * z + m[3]! + 0.5),
    Math.floor(m[4]! * x + m[5]! * y + m[6]! * z + m[7]! + 0.5),
    Math.floor(m[8]! * x + m[9]! * y + m[10]! * z + m[11]! + 0.5),
  ];
}

export interface Thresholds {
  low: number | null;
  high: number | null;
}

function keep(patch: Patch, test: (at: number) => boolean): Patch {
  const on = patch.on.map((v, at) => (v && test(at) ? 1 : 0));
  return { box: patch.box, on };
}

function seeded(patch: Patch, seed: readonly [number, number, number]): Patch {
  const at = placeIn(patch, seed);
  if (at === null) return { box: patch.box, on: new Uint8Array(patch.on.length) };
  return { box: patch.box, on: connected(patch.on, sizeOf(patch.box), at) };
}

/** Threshold pen without growing: low <= value <= high, a missing side is ignored (ROI-22). */
export function between(patch: Patch, values: Float64Array, { low, high }: Thresholds): Patch {
  return keep(
    patch,
    (at) => values[at]! >= (low ?? -Infinity) && values[at]! <= (high ?? Infinity),
  );
}

/** Threshold pen with growing: low < value < high and connected to the seed (ROI-23). */
export function betweenConnected(
  patch: Patch,
  values: Float64Array,
  { low, high }: Thresholds,
  seed: readonly [number, number, number],
): Patch {
  const strict = (at: number): boolean =>
    values[at]! > (low ?? -Infinity) && values[at]! < (high ?? Infinity);
  return seeded(keep(patch, strict), seed);
}

/** Colour limits of the image: what counts as similar depends on them. */
export interface Window {
  low: number;
  high: number;
}

/** Share of the window, together with the distance, up to which a value is similar. */
const SIMILAR = 0.2;
const DISTANCE_WEIGHT = 0.1;
const TOLERANCE = 0.1;

/** Magic pen, unconnected: similar to the centre, less so towards the rim (ROI-24). */
export function similar(
  patch: Patch,
  values: Float64Array,
  window: Window,
  seed: readonly [number, number, number],
  share2: (at: number) => number,
): Patch {
  const middle = placeIn(patch, seed);
  if (middle === null) return { box: patch.box, on: new Uint8Array(patch.on.length) };
  const width = Math.abs(window.high - window.low);
  return keep(
    patch,
    (at) =>
      Math.abs(values[at]! - values[middle]!) / width + DISTANCE_WEIGHT * share2(at) < SIMILAR,
  );
}

/** Magic pen, connected: within a tenth of the window of the centre, by growing (ROI-25). */
export function similarConnected(
  patch: Patch,
  values: Float64Array,
  { low, high }: Window,
  seed: readonly [number, number, number],
): Patch {
  const middle = placeIn(patch, seed);
  if (middle === null) return { box: patch.box, on: new Uint8Array(patch.on.length) };
  const from = inWindow(values[middle]!, low, high);
  const close = (at: number): boolean =>
    Math.abs(inWindow(values[at]!, low, high) - from) <= TOLERANCE;
  return seeded(keep(patch, close), seed);
}
