// Pens in world millimetres: which voxels of a matrix a sphere, cylinder or outline covers.
import type { Mat4, Vec3 } from "../../../viewer/linalg";
import { add, apply, applyLinear, dot, scale, sub } from "../../../viewer/linalg";
import type { Box, Triple } from "./box";
import { clip, sizeOf } from "./box";

export interface Matrix {
  shape: Triple;
  affine: Mat4;
  inverse: Mat4;
}

export interface Pen {
  shape: "sphere" | "cylinder";
  /** Middle of the pen; with `from` the pen is drawn along the line between the two. */
  centre: Vec3;
  from?: Vec3;
  /** Unit vector through the slices. */
  normal: Vec3;
  radiusMm: number;
  /** Half the thickness. */
  halfMm: number;
  /** 0 to both sides, 1 and -1 the whole thickness to one side of the slice. */
  direction: -1 | 0 | 1;
}

/** A part of a matrix with a mask of its own. */
export interface Patch {
  box: Box;
  on: Uint8Array;
}

/** Slack for voxel centres that lie on the rim but for rounding. */
const RIM = 1e-6;

/** Pen size in mm per unit: relative to the image (NORA), or the size is the diameter in mm. */
export const unitMm = (extentMm: number, unitsMm: boolean): number =>
  unitsMm ? 0.5 : extentMm / 300;

export const nearestVoxel = (matrix: Matrix, mm: Vec3): Triple =>
  apply(matrix.inverse, mm).map((v) => Math.floor(v + 0.5)) as unknown as Triple;

/** Move a point along the normal into the middle of the slice of voxels it lies in. */
export function ontoSlice(matrix: Matrix, mm: Vec3, normal: Vec3): Vec3 {
  const middle = apply(matrix.affine, nearestVoxel(matrix, mm));
  return add(mm, scale(normal, dot(sub(middle, mm), normal)));
}

/** Box of voxels around points, at least `mm` to every side. */
function around(matrix: Matrix, points: readonly Vec3[], mm: number): Box | null {
  const voxelPoints = points.map((point) => apply(matrix.inverse, point));
  const low: number[] = [];
  const high: number[] = [];
  for (let a = 0; a < 3; a++) {
    const row = [matrix.inverse[4 * a]!, matrix.inverse[4 * a + 1]!, matrix.inverse[4 * a + 2]!];
    const reach = mm * Math.hypot(...row);
    const along = voxelPoints.map((v) => v[a]!);
    low.push(Math.ceil(Math.min(...along) - reach - RIM));
    high.push(Math.floor(Math.max(...along) + reach + RIM));
  }
  return clip({ low: low as unknown as Triple, high: high as unknown as Triple }, matrix.shape);
}

function slab({ halfMm, direction }: Pen): [number, number] {
  if (direction > 0) return [-RIM, 2 * halfMm + RIM];
  if (direction < 0) return [-2 * halfMm - RIM, RIM];
  return [-halfMm - RIM, halfMm + RIM];
}

/** Voxels whose centres a pen covers; always the one under its middle. */
export function brush(matrix: Matrix, pen: Pen): Patch | null {
  const { centre } = pen;
  const start = pen.from ?? centre;
  const box = around(matrix, [start, centre], Math.hypot(pen.radiusMm, 2 * pen.halfMm));
  const single = oneVoxel(matrix, nearestVoxel(matrix, centre));
  if (!box) return single;
  const out = cover(matrix, pen, start, box);
  if (single) setIn({ box, on: out }, single.box.low);
  return { box, on: out };
}

function oneVoxel({ shape }: Matrix, voxel: Triple): Patch | null {
  const box = clip({ low: voxel, high: voxel }, shape);
  return box && { box, on: new Uint8Array([1]) };
}

/** Flat place of a voxel in a patch, null outside. */
export function placeIn({ box }: Patch, voxel: Triple): number | null {
  const [w, h] = sizeOf(box);
  if (voxel.some((v, a) => v < box.low[a]! || v > box.high[a]!)) return null;
  const [x, y, z] = voxel.map((v, a) => v - box.low[a]!) as unknown as Triple;
  return (z * h + y) * w + x;
}

function setIn(patch: Patch, voxel: Triple): void {
  const at = placeIn(patch, voxel);
  if (at !== null) patch.on[at] = 1;
}

/** The test of every voxel centre of a box, row by row. */
function cover(matrix: Matrix, pen: Pen, start: Vec3, box: Box): Uint8Array {
  const [w, h, d] = sizeOf(box);
  const on = new Uint8Array(w * h * d);
  const { normal, shape } = pen;
  const line = sub(pen.centre, start);
  const length2 = dot(line, line);
  const [low, high] = slab(pen);
  const radius2 = (pen.radiusMm + RIM) ** 2;
  const flat = shape === "cylinder";
  const step = applyLinear(matrix.affine, [1, 0, 0]);
  const steps = { z: dot(step, normal), t: length2 > 0 ? dot(step, line) / length2 : 0 };
  for (let k = 0, at = 0; k < d; k++)
    for (let j = 0; j < h; j++) {
      const voxel: Vec3 = [box.low[0], box.low[1] + j, box.low[2] + k];
      const p = sub(apply(matrix.affine, voxel), start);
      const t0 = length2 > 0 ? dot(p, line) / length2 : 0;
      const z0 = dot(p, normal);
      for (let i = 0; i < w; i++, at++) {
        const z = z0 + i * steps.z;
        if (z < low || z > high) continue;
        const t = Math.min(1, Math.max(0, t0 + i * steps.t));
        const dx = p[0] + i * step[0] - t * line[0];
        const dy = p[1] + i * step[1] - t * line[1];
        const dz = p[2] + i * step[2] - t * line[2];
        const r2 = dx * dx + dy * dy + dz * dz - (flat ? z * z : 0);
        if (r2 <= radius2) on[at] = 1;
      }
    }
  return on;
}

/** An outline in a plane of the world. */
export interface Outline {
  origin: Vec3;
  right: Vec3;
  up: Vec3;
  normal: Vec3;
  /** Corners in mm along `right` and `up` from `origin`. */
  points: readonly (readonly [number, number])[];
  halfMm: number;
}

/** Even-odd rule; each edge owns its lower end only, so that neighbouring shapes do not overlap. */
export function insideOutline(points: Outline["points"], u: number, v: number): boolean {
  let inside = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [xi, yi] = points[i]!;
    const [xj, yj] = points[j]!;
    if (yi > v !== yj > v && u < ((xj - xi) * (v - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** Voxels whose centres lie in an outline, within half its thickness of the plane. */
export function fillOutline(matrix: Matrix, outline: Outline): Patch | null {
  const { origin, right, up, normal, points, halfMm } = outline;
  if (points.length < 3) return null;
  const world = points.map(([u, v]) => add(origin, add(scale(right, u), scale(up, v))));
  const box = around(matrix, world, halfMm);
  if (!box) return null;
  const [w, h, d] = sizeOf(box);
  const on = new Uint8Array(w * h * d);
  const step = applyLinear(matrix.affine, [1, 0, 0]);
  for (let k = 0, at = 0; k < d; k++)
    for (let j = 0; j < h; j++) {
      const voxel: Vec3 = [box.low[0], box.low[1] + j, box.low[2] + k];
      const p = sub(apply(matrix.affine, voxel), origin);
      for (let i = 0; i < w; i++, at++) {
        const q = add(p, scale(step, i));
        if (Math.abs(dot(q, normal)) > halfMm + RIM) continue;
        if (insideOutline(points, dot(q, right), dot(q, up))) on[at] = 1;
      }
    }
  return { box, on };
}
