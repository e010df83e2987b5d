// Pens in world millimetres: which voxels of a matrix a sphere, cylinder or outline covers.
import type { Mat4, Vec3 } from "../../../viewer/linalg";
import { add, apply, applyLinear, dot, scale, sub } from "../../../viewer/linalg";
import type { Box, Triple } from "./box";
import { clip, join, sizeOf } from "./box";

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

const AXES = [0, 1, 2] as const;

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

/** Box of the voxels between low and high along each axis, to the nearest voxel inside. */
function boxOf(low: readonly number[], high: readonly number[], shape: Triple): Box | null {
  const from = low.map((v) => Math.ceil(v - RIM)) as unknown as Triple;
  const to = high.map((v) => Math.floor(v + RIM)) as unknown as Triple;
  return clip({ low: from, high: to }, shape);
}

/** Box of voxels around points, at least `mm` to every side. */
function around(matrix: Matrix, points: readonly Vec3[], mm: number): Box | null {
  const places = points.map((point) => apply(matrix.inverse, point));
  const reach = AXES.map((a) => mm * Math.hypot(...gradient(matrix, a)));
  const low = AXES.map((a) => Math.min(...places.map((v) => v[a]!)) - reach[a]!);
  const high = AXES.map((a) => Math.max(...places.map((v) => v[a]!)) + reach[a]!);
  return boxOf(low, high, matrix.shape);
}

/** By how much the place along an axis of the matrix changes per mm of the world. */
const gradient = ({ inverse }: Matrix, axis: number): Vec3 => [
  inverse[4 * axis]!,
  inverse[4 * axis + 1]!,
  inverse[4 * axis + 2]!,
];

/** Box of the voxels that a pen can cover: it is no larger than its slab, nor than its sphere. */
function reached(matrix: Matrix, pen: Pen, start: Vec3): Box | null {
  const { centre, normal } = pen;
  const line = sub(centre, start);
  const slant = dot(line, normal);
  const [bottom, top] = slab(pen);
  const radius = pen.radiusMm + RIM;
  const wide = Math.sqrt(radius ** 2 + 2 * Math.max(-bottom, top) * Math.abs(slant));
  const low: number[] = [];
  const high: number[] = [];
  for (const axis of AXES) {
    const own = gradient(matrix, axis);
    const along = dot(own, normal);
    const across = sub(own, scale(normal, along));
    const from = apply(matrix.inverse, start)[axis]!;
    const way = dot(across, line);
    const reach = wide * Math.hypot(...across);
    low.push(from + Math.min(bottom * along, top * along) + Math.min(0, way) - reach);
    high.push(from + Math.max(bottom * along, top * along) + Math.max(0, way) + reach);
    if (pen.shape === "cylinder") continue;
    const ball = radius * Math.hypot(...own);
    low[axis] = Math.max(low[axis]!, from + Math.min(0, dot(own, line)) - ball);
    high[axis] = Math.min(high[axis]!, from + Math.max(0, dot(own, line)) + ball);
  }
  return boxOf(low, high, matrix.shape);
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
  const single = oneVoxel(matrix, nearestVoxel(matrix, centre));
  const inner = reached(matrix, pen, start);
  if (!inner) return single;
  const box = join(inner, single?.box ?? null)!;
  const patch = { box, on: cover(matrix, pen, start, box) };
  if (single) setIn(patch, single.box.low);
  return patch;
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

/** Voxel centres of one row, against the line a pen is drawn along. */
interface Row {
  /** First voxel from the start of the line, and from one to the next. */
  p: Vec3;
  step: Vec3;
  line: Vec3;
  /** Heights above the plane. */
  z: number;
  stepZ: number;
  /** Shares of the line. */
  t: number;
  stepT: number;
}

interface Limits {
  low: number;
  high: number;
  radius2: number;
  flat: boolean;
}

/** The first voxel of a row that a pen covers, going one way up to `end`. */
function firstCovered(row: Row, limits: Limits, from: number, end: number, by: 1 | -1): number {
  const { p, step, line } = row;
  const { low, high, radius2, flat } = limits;
  for (let i = from; i !== end; i += by) {
    const z = row.z + i * row.stepZ;
    if (z < low || z > high) continue;
    const t = Math.min(1, Math.max(0, row.t + i * row.stepT));
    const dx = p[0] + i * step[0] - t * line[0];
    const dy = p[1] + i * step[1] - t * line[1];
    const dz = p[2] + i * step[2] - t * line[2];
    const r2 = dx * dx + dy * dy + dz * dz - (flat ? z * z : 0);
    if (r2 <= radius2) return i;
  }
  return end;
}

/** The voxels of a box whose centres a pen covers: those of a row lie side by side. */
function cover(matrix: Matrix, pen: Pen, start: Vec3, box: Box): Uint8Array {
  const [w, h, d] = sizeOf(box);
  const on = new Uint8Array(w * h * d);
  const { normal } = pen;
  const line = sub(pen.centre, start);
  const length2 = dot(line, line);
  const [low, high] = slab(pen);
  const flat = pen.shape === "cylinder";
  const limits: Limits = { low, high, radius2: (pen.radiusMm + RIM) ** 2, flat };
  // A cylinder that leaves its plane is hollow in places.
  const solid = !flat || Math.abs(dot(line, normal)) < RIM;
  const step = applyLinear(matrix.affine, [1, 0, 0]);
  const steps = { step, stepZ: dot(step, normal), stepT: share(dot(step, line), length2) };
  for (let k = 0, at = 0; k < d; k++)
    for (let j = 0; j < h; j++, at += w) {
      const p = sub(apply(matrix.affine, [box.low[0], box.low[1] + j, box.low[2] + k]), start);
      const row: Row = { p, line, z: dot(p, normal), t: share(dot(p, line), length2), ...steps };
      let i = firstCovered(row, limits, 0, w, 1);
      if (solid && i < w) on.fill(1, at + i, at + firstCovered(row, limits, w - 1, -1, -1) + 1);
      else for (; i < w; i = firstCovered(row, limits, i + 1, w, 1)) on[at + i] = 1;
    }
  return on;
}

const share = (part: number, length2: number): number => (length2 > 0 ? part / length2 : 0);

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
