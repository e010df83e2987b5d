// Boxes that may be turned: their axes and corners, and how drawing, dragging and turning change them.
import type { Plane } from "./depth";
import { depthOf } from "./depth";
import type { Point } from "./model";
import { edgesOf, mmOf, place } from "./model";
import type { Vec3 } from "./vectors";
import { add, along, dot, norm, sub, times, unit } from "./vectors";

/** Directions of the three edges in the world, right-handed or not. */
export type Axes = readonly [Vec3, Vec3, Vec3];

const WORLD: Axes = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];
const SLACK = 1e-3;
const EVEN = 1e-6;

/** Row by row, as Slicer writes it: its columns are the axes of the box. */
export const orientationOf = ([a, b, c]: Axes): number[] =>
  [0, 1, 2].flatMap((row) => [a[row]!, b[row]!, c[row]!]).map((v) => Number(v.toFixed(9)) + 0);

/** Axes out of nine numbers; null when they are none that stand upright on each other. */
export function axesFrom(told: unknown): Axes | null {
  if (!Array.isArray(told) || told.length !== 9 || !told.every(Number.isFinite)) return null;
  const m = told as number[];
  const axis = (c: number): Vec3 => [m[c]!, m[3 + c]!, m[6 + c]!];
  const axes: Axes = [axis(0), axis(1), axis(2)];
  const square = [0, 1, 2].every((i) => Math.abs(dot(axes[i]!, axes[(i + 1) % 3]!)) < SLACK);
  return square && axes.every((one) => Math.abs(norm(one) - 1) < SLACK) ? axes : null;
}

export const axesOf = (point: Point): Axes => axesFrom(point["orientation"]) ?? WORLD;

/** Whether a box lies along the axes of the world. */
export const isStraight = (axes: Axes): boolean =>
  axes.every((axis, i) => Math.abs(Math.abs(axis[i]!) - 1) < EVEN);

/** What a point keeps of its axes: nothing when they are those of the world. */
const kept = (axes: Axes): { orientation?: number[] } =>
  isStraight(axes) ? {} : { orientation: orientationOf(axes) };

/** Undefined is not written to files: it takes away what was there. */
const put = (point: Point, axes: Axes): Point => ({
  ...point,
  orientation: isStraight(axes) ? undefined : orientationOf(axes),
});

/** Along the axes of the world again. */
export const straight = (point: Point): Point => put(point, WORLD);

/** The eight corners; bit n of the place tells the side along axis n. */
export function cornersOf(point: Point): Vec3[] {
  const [centre, edges, axes] = [mmOf(point), edgesOf(point), axesOf(point)];
  return Array.from({ length: 8 }, (_, bits) =>
    axes.reduce<Vec3>((at, axis, n) => {
      const half = Math.abs(edges[n]!) / 2;
      return add(at, times(axis, bits & (1 << n) ? half : -half));
    }, centre),
  );
}

/** The twelve edges. */
export function boxEdges(point: Point): [Vec3, Vec3][] {
  const corners = cornersOf(point);
  return corners.flatMap((from, bits) =>
    [1, 2, 4].flatMap((bit): [Vec3, Vec3][] => (bits & bit ? [] : [[from, corners[bits | bit]!]])),
  );
}

/** Corners of the cut of a box in their order round it; empty where the slice misses it. */
export function boxCut(plane: Plane, point: Point): Vec3[] {
  const found: Vec3[] = [];
  for (const [a, b] of boxEdges(point)) {
    const [da, db] = [depthOf(plane, a), depthOf(plane, b)];
    if (da * db > 0 || da === db) continue;
    found.push(along(a, b, da / (da - db)));
  }
  return round(plane, found);
}

function round({ view }: Plane, corners: Vec3[]): Vec3[] {
  const { right, up } = view.axes;
  const flat = corners.map((mm) => ({ mm, x: dot(mm, right), y: dot(mm, up) }));
  const mean = (key: "x" | "y"): number =>
    flat.reduce((sum, one) => sum + one[key], 0) / Math.max(1, flat.length);
  const [x0, y0] = [mean("x"), mean("y")];
  flat.sort((p, q) => Math.atan2(p.y - y0, p.x - x0) - Math.atan2(q.y - y0, q.x - x0));
  return flat
    .filter((p, i) => i === 0 || Math.hypot(p.x - flat[i - 1]!.x, p.y - flat[i - 1]!.y) > 1e-6)
    .map(({ mm }) => mm);
}

/** Edges that a slice shows: those that do not point out of it. */
const isFlat = (axis: Vec3, normal: Vec3): boolean => Math.abs(dot(axis, normal)) <= 0.5;

/** The corner that is held goes to a place, the opposite one stays. */
export function resized(point: Point, corner: Vec3, to: Vec3, normal: Vec3): Point {
  const [centre, edges, axes] = [mmOf(point), edgesOf(point), axesOf(point)];
  const size = [...edges];
  let middle = centre;
  axes.forEach((axis, n) => {
    if (!isFlat(axis, normal)) return;
    const side = dot(sub(corner, centre), axis) >= 0 ? 1 : -1;
    const anchor = (-side * edges[n]!) / 2;
    const goal = dot(sub(to, centre), axis);
    size[n] = Math.abs(goal - anchor);
    middle = add(middle, times(axis, (anchor + goal) / 2));
  });
  return { ...point, coords: place(middle), size: [...size, 0] };
}

/** The axis of the world that a direction follows most, if it follows it closely. */
const worldly = (axis: Vec3): number => axis.findIndex((v) => Math.abs(Math.abs(v) - 1) < EVEN);

/** A box between two corners drawn on a slice, along the slice; as deep as its shorter edge. */
export function boxBetween(
  a: Vec3,
  b: Vec3,
  { right, up, normal }: { right: Vec3; up: Vec3; normal: Vec3 },
): { coords: number[]; size: number[]; orientation?: number[] } {
  const way = sub(b, a);
  const flat = [Math.abs(dot(way, right)), Math.abs(dot(way, up))];
  const sizes = [...flat, Math.min(...flat)];
  const drawn: Axes = [right, up, normal];
  const order = drawn.map(worldly);
  const coords = place(times(add(a, b), 0.5));
  if (order.includes(-1)) return { coords, size: [...sizes, 0], ...kept(drawn) };
  const size = [0, 1, 2].map((axis) => sizes[order.indexOf(axis)]!);
  return { coords, size: [...size, 0] };
}

/** Turned about its middle. */
export function turnedBox(point: Point, axis: Vec3, radians: number): Point {
  const k = unit(axis);
  const [c, s] = [Math.cos(radians), Math.sin(radians)];
  const turn = (v: Vec3): Vec3 => {
    const across: Vec3 = [
      k[1] * v[2] - k[2] * v[1],
      k[2] * v[0] - k[0] * v[2],
      k[0] * v[1] - k[1] * v[0],
    ];
    return add(add(times(v, c), times(across, s)), times(k, dot(k, v) * (1 - c)));
  };
  const [x, y, z] = axesOf(point).map((one) => unit(turn(one)));
  return put(point, [x!, y!, z!]);
}

/** Where a box is taken to turn it on a slice: above the middle of the upper edge of its cut. */
export function turnGrip(plane: Plane, cut: readonly Vec3[], offsetMm: number): Vec3 | null {
  if (cut.length < 3) return null;
  const { up } = plane.view.axes;
  const middle = times(
    cut.reduce((sum, one) => add(sum, one), [0, 0, 0] as Vec3),
    1 / cut.length,
  );
  const edges = cut.map((a, i) => times(add(a, cut[(i + 1) % cut.length]!), 0.5));
  const upper = edges.reduce((best, one) => (dot(one, up) > dot(best, up) ? one : best));
  const out = sub(upper, middle);
  return norm(out) < 1e-9 ? null : add(upper, times(unit(out), offsetMm));
}

/** The turn that brings one place of a slice onto another, seen from a middle; radians. */
export function turnFrom(middle: Vec3, from: Vec3, to: Vec3, plane: Plane): number {
  const { right, up, normal } = plane.view.axes;
  const angle = (mm: Vec3): number =>
    Math.atan2(dot(sub(mm, middle), up), dot(sub(mm, middle), right));
  // Right, up and normal may be a left hand.
  const hand =
    dot(
      [
        right[1] * up[2] - right[2] * up[1],
        right[2] * up[0] - right[0] * up[2],
        right[0] * up[1] - right[1] * up[0],
      ],
      normal,
    ) < 0
      ? -1
      : 1;
  return hand * (angle(to) - angle(from));
}
