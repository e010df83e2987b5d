// How markers show on slices: strongest in their own, faded near by, cut where a slice cuts them.
import type { Length } from "../../viewer/lengths";
import { expect, test } from "vitest";
import type { Plane } from "./depth";
import { boxCut } from "./boxes";
import { pieceOf, projectionOf, strength } from "./depth";
import { hitIn, stretchAt, toStretch } from "./hits";
import { turnBetween } from "./turning";
import { newSet, withPoint, type SetData } from "./model";
import { shapesOf } from "./shapes";
import { acpcFrame, threePointFrame, turnOnto, type Frame } from "./systems";
import { cross, dot, type Vec3 } from "./vectors";

const plane = (z = 0, stepMm = 1): Plane => ({
  view: {
    axes: { right: [1, 0, 0], up: [0, 1, 0], normal: [0, 0, 1] },
    origin: [0, 0, z],
    mmPerPixel: 0.5,
    size: { width: 400, height: 400 },
  },
  stepMm,
});
const drawn = (set: SetData, z = 0, length: Length = "mm") =>
  shapesOf({ set, plane: plane(z), length, labels: true });
const pointset = (...all: Vec3[]): SetData =>
  all.reduce<SetData>((set, mm) => withPoint(set, mm), newSet("pointset", "p"));

test("a point fades on neighbouring slices and is gone beyond its radius", () => {
  const at = (z: number): number => strength(plane(), z, 5, "near");
  expect(at(0.4)).toBe(1);
  expect(at(2)).toBeLessThan(1);
  expect(at(4)).toBeLessThan(at(2));
  expect(at(4)).toBeGreaterThan(0.2);
  expect(at(5.1)).toBe(0);
  expect(strength(plane(), 2, 5, "slice")).toBe(0);
  expect(strength(plane(), 50, 5, "all")).toBeGreaterThan(0);
});

test("the state of NORA says how a set is projected", () => {
  const set = pointset([0, 0, 0]);
  expect(projectionOf(set)).toBe("near");
  expect(projectionOf({ ...set, state: { showThroughSlice: false } })).toBe("slice");
  expect(projectionOf({ ...set, state: { showThroughSlice: true, projectAll: true } })).toBe("all");
});

test("the circle of a point is its sphere where the slice cuts it", () => {
  const circle = (z: number) =>
    drawn(pointset([10, 0, 0]), z).find(({ kind }) => kind === "circle");
  expect(circle(0)).toMatchObject({ x: 220, y: 200, r: 10, opacity: 1 });
  expect(circle(3)).toMatchObject({ r: 8 });
  expect(circle(6)).toBeUndefined();
  const hidden = pointset([0, 0, 0]);
  const off = { ...hidden, points: hidden.points.map((one) => ({ ...one, visible: false })) };
  expect(drawn(off)).toEqual([]);
});

test("a line shows as far as it is close to the slice", () => {
  const piece = pieceOf(plane(), [0, 0, -20], [0, 0, 20], 4, "near")!;
  expect(piece.strength).toBe(1);
  expect(piece.from[2]).toBeCloseTo(-4);
  expect(piece.to[2]).toBeCloseTo(4);
  expect(pieceOf(plane(), [0, 0, 8], [10, 0, 20], 4, "near")).toBeNull();
});

test("a box is cut by straight and by oblique slices", () => {
  const box = (...size: number[]) => ({ id: "b", name: "b", coords: [0, 0, 0, 1], size });
  expect(boxCut(plane(), box(10, 4, 6))).toHaveLength(4);
  expect(boxCut(plane(4), box(10, 4, 6))).toEqual([]);
  const s = Math.SQRT1_2;
  const tilted = plane(0.3);
  tilted.view.axes = { right: [s, -s, 0], up: [s / 2, s / 2, -s], normal: [0.5, 0.5, s] };
  const cut = boxCut(tilted, box(10, 10, 10));
  expect(cut.length).toBeGreaterThanOrEqual(3);
  expect(cut.length).toBeLessThanOrEqual(6);
});

test("lengths are named in mm, or refused where the voxel size is unknown", () => {
  const ruler = withPoint(withPoint(newSet("ruler", "r"), [0, 0, 0]), [30, 40, 0]);
  const note = (length: Length): string => {
    const found = drawn(ruler, 0, length).find((shape) => shape.kind === "text");
    return found?.kind === "text" ? found.text : "";
  };
  expect(note("mm")).toBe("50.0 mm");
  expect(note("unknown")).toBe("no mm: voxel size unknown");
});

test("points, lines and corners are found under the pointer, and only where they show", () => {
  const set = pointset([10, 0, 0], [20, 0, 30]);
  expect(hitIn(set, plane(), { x: 223, y: 203 })?.id).toBe(set.points[0]!.id);
  expect(hitIn(set, plane(), { x: 240, y: 200 })).toBeNull();
  expect(hitIn(set, plane(30), { x: 240, y: 200 })?.id).toBe(set.points[1]!.id);
  const box = withPoint(newSet("boxes", "b"), [0, 0, 0], { size: [20, 20, 20, 0] });
  expect(hitIn(box, plane(), { x: 220, y: 180 })?.corner).toBeDefined();
  expect(hitIn(box, plane(), { x: 200, y: 180 })?.corner).toBeUndefined();
  expect(hitIn(box, plane(), { x: 200, y: 200 })).toBeNull();
  const line = withPoint(withPoint(newSet("freeline", "f"), [0, 0, 0]), [50, 0, 0]);
  expect(stretchAt(line, plane(), { x: 250, y: 202 })).toBe(1);
  expect(stretchAt(line, plane(), { x: 250, y: 230 })).toBeNull();
  expect(toStretch({ x: 0, y: 3 }, { x: 0, y: 0 }, { x: 0, y: 0 })).toBe(3);
});

test("planes turn the short way to look along a lead", () => {
  expect(turnBetween([0, 0, 1], [0, 0, -1])).toBeNull();
  const turn = turnBetween([0, 0, 1], [0, 1, -1].map((v) => v / Math.SQRT2) as unknown as Vec3)!;
  expect((turn.radians * 180) / Math.PI).toBeCloseTo(45);
});

test("planes follow AC, PC and the midplane, or three points", () => {
  const [right, anterior, superior] = acpcFrame([
    [1, 20, 5],
    [1, -4, 3],
    [3, 0, 60],
  ])!;
  expect(dot(anterior, [0, 1, 0])).toBeGreaterThan(0.99);
  expect(dot(superior, [0, 0, 1])).toBeGreaterThan(0.99);
  for (const [a, b] of [
    [right, anterior],
    [right, superior],
    [anterior, superior],
  ] as const)
    expect(dot(a, b)).toBeCloseTo(0);
  expect(cross(right, anterior)).toEqual(superior.map((v) => expect.closeTo(v, 9)));
  // The midplane holds AC, PC and the third point: all equally far to the right.
  expect(dot(right, [3, 0, 60])).toBeCloseTo(dot(right, [1, 20, 5]));
  expect(
    acpcFrame([
      [1, 20, 5],
      [1, -4, 5],
    ])![0],
  ).toEqual([1, 0, 0]);
  expect(
    acpcFrame([
      [1, 1, 1],
      [1, 1, 1],
    ]),
  ).toBeNull();
  const flat = threePointFrame([
    [0, 0, 0],
    [10, 0, 1],
    [0, 10, 0],
  ])!;
  expect(dot(flat[2], [10, 0, 1])).toBeCloseTo(0);
  expect(
    threePointFrame([
      [0, 0, 0],
      [1, 0, 0],
      [2, 0, 0],
    ]),
  ).toBeNull();
});

test("a turn brings one frame onto another", () => {
  const from: Frame = [
    [0, 1, 0],
    [-1, 0, 0],
    [0, 0, 1],
  ];
  const to = acpcFrame([
    [0, 10, 4],
    [0, 0, 0],
  ])!;
  const turn = turnOnto(from, to);
  const turned = (v: Vec3): Vec3 =>
    [0, 1, 2].map(
      (r) => v[0] * turn[0][r]! + v[1] * turn[1][r]! + v[2] * turn[2][r]!,
    ) as unknown as Vec3;
  from.forEach((axis, n) => expect(turned(axis)).toEqual(to[n]!.map((v) => expect.closeTo(v, 9))));
});
