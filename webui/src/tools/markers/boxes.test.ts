// Boxes along the axes of the world and turned ones: drawn, cut, resized, turned and straightened.
import { expect, test } from "vitest";
import {
  axesFrom,
  axesOf,
  boxBetween,
  boxCut,
  boxEdges,
  cornersOf,
  isStraight,
  orientationOf,
  resized,
  straight,
  turnedBox,
  turnFrom,
  turnGrip,
} from "./boxes";
import type { Plane } from "./depth";
import { hitIn, GRIP_PX } from "./hits";
import { edgesOf, mmOf, newSet, withPoint, type Point } from "./model";
import { shapesOf } from "./shapes";
import type { Vec3 } from "./vectors";
import { distance, dot, sub } from "./vectors";

const AXIAL = {
  right: [1, 0, 0] as Vec3,
  up: [0, 1, 0] as Vec3,
  normal: [0, 0, 1] as Vec3,
};
const S = Math.SQRT1_2;
const OBLIQUE = { right: [S, S, 0] as Vec3, up: [-S, S, 0] as Vec3, normal: [0, 0, 1] as Vec3 };

const plane = (axes = AXIAL, origin: Vec3 = [0, 0, 0]): Plane => ({
  view: { origin, axes, size: { width: 400, height: 400 }, mmPerPixel: 0.25 } as Plane["view"],
  stepMm: 1,
});
const box = (more: Partial<Point> = {}): Point => ({
  id: "b",
  name: "b",
  coords: [0, 0, 0, 1],
  size: [20, 10, 6, 0],
  ...more,
});
const close = (v: readonly number[]) => v.map((one) => expect.closeTo(one, 6));

test("MARK-08: a box is drawn in a slice and resized by a corner in every plane", () => {
  const drawn = boxBetween([0, 0, 3], [10, 4, 3], AXIAL);
  expect(drawn).toEqual({ coords: [5, 2, 3, 1], size: [10, 4, 4, 0] });
  const made = { ...box(), ...drawn };
  const next = resized(made, [10, 4, 3], [12, 8, 3], [0, 0, 1]);
  expect(next.coords).toEqual([6, 4, 3, 1]);
  expect(next.size).toEqual([12, 8, 4, 0]);
  expect(resized(made, [10, 2, 5], [10, 2, 9], [0, 1, 0]).size).toEqual([10, 4, 8, 0]);
});

test("a box that is drawn on an oblique slice lies along that slice", () => {
  const drawn = { ...box(), ...boxBetween([0, 0, 0], [0, 20, 0], OBLIQUE) };
  expect(mmOf(drawn)).toEqual([0, 10, 0]);
  expect(edgesOf(drawn)).toEqual(close([20 * S, 20 * S, 20 * S]));
  const cut = boxCut(plane(OBLIQUE), drawn);
  expect(cut).toHaveLength(4);
  for (const one of [
    [0, 0, 0],
    [0, 20, 0],
    [10, 10, 0],
    [-10, 10, 0],
  ] as const)
    expect(Math.min(...cut.map((mm) => distance(mm, one)))).toBeLessThan(1e-6);
});

test("a box keeps its edges and its middle when it is turned, and comes back", () => {
  const turned = turnedBox(box(), [0, 0, 1], Math.PI / 6);
  expect(isStraight(axesOf(turned))).toBe(false);
  expect(edgesOf(turned)).toEqual([20, 10, 6]);
  expect(mmOf(turned)).toEqual([0, 0, 0]);
  const lengths = boxEdges(turned).map(([a, b]) => Number(distance(a, b).toFixed(6)));
  expect(lengths.sort((a, b) => a - b)).toEqual([6, 6, 6, 6, 10, 10, 10, 10, 20, 20, 20, 20]);
  expect(cornersOf(turned)[7]).toEqual(
    close([10 * Math.cos(Math.PI / 6) - 2.5, 5 + 5 * Math.cos(Math.PI / 6), 3]),
  );
  const back = turnedBox(turned, [0, 0, 1], -Math.PI / 6);
  expect(isStraight(axesOf(back))).toBe(true);
  expect(JSON.stringify(back)).not.toContain("orientation");
  expect(JSON.stringify(straight(turned))).toBe(JSON.stringify(box()));
});

test("a corner of a turned box is resized along its own axes", () => {
  const turned = turnedBox(box(), [0, 0, 1], Math.PI / 2);
  const corner = cornersOf(turned).find((mm) => mm[0] > 0 && mm[1] > 0 && mm[2] > 0)!;
  expect(corner).toEqual(close([5, 10, 3]));
  const next = resized(turned, corner, [9, 16, 3], [0, 0, 1]);
  expect(edgesOf(next)).toEqual(close([26, 14, 6]));
  expect(mmOf(next)).toEqual(close([2, 3, 0]));
  expect(axesOf(next)).toEqual(axesOf(turned));
});

test("the grip is above the box, is hit only where the box is marked, and turns it", () => {
  const set = withPoint(newSet("boxes", "b"), [0, 0, 0], { size: [20, 10, 6, 0] });
  const [point] = set.points;
  const grip = turnGrip(plane(), boxCut(plane(), point!), GRIP_PX * 0.25)!;
  expect(grip).toEqual(close([0, 5 + GRIP_PX * 0.25, 0]));
  const at = { x: 200, y: 200 - 20 - GRIP_PX };
  expect(hitIn(set, plane(), at, point!.id)?.grip).toEqual(close(grip));
  expect(hitIn(set, plane(), at)).toBeNull();
  const shapes = (marked: string | null) =>
    shapesOf({ set, plane: plane(), length: "mm", labels: false, marked }).filter(
      (one) => one.kind === "circle" && one.grip,
    );
  expect(shapes(point!.id)).toHaveLength(1);
  expect(shapes(null)).toHaveLength(0);
  const angle = turnFrom([0, 0, 0], grip, [-grip[1], 0, 0], plane());
  expect(angle).toBeCloseTo(Math.PI / 2, 9);
  const [x] = axesOf(turnedBox(point!, [0, 0, 1], angle));
  expect(x).toEqual(close([0, 1, 0]));
});

test("a turn follows the pointer in views that look from the other side, too", () => {
  const mirrored = { right: [-1, 0, 0] as Vec3, up: [0, 1, 0] as Vec3, normal: [0, 0, 1] as Vec3 };
  const [from, to]: Vec3[] = [
    [0, 8, 0],
    [-8, 0, 0],
  ];
  const angle = turnFrom([0, 0, 0], from!, to!, plane(mirrored));
  const [, y] = axesOf(turnedBox(box(), mirrored.normal, angle));
  expect(y).toEqual(close([-1, 0, 0]));
});

test("axes that are none are not believed", () => {
  expect(axesFrom([1, 1, 0, 0, 1, 0, 0, 0, 1])).toBeNull();
  expect(axesFrom([2, 0, 0, 0, 1, 0, 0, 0, 1])).toBeNull();
  expect(axesFrom([1, 0, 0])).toBeNull();
  expect(axesFrom("turned")).toBeNull();
  expect(axesFrom([1, 0, 0, 0, 1, 0, 0, 0, NaN])).toBeNull();
  expect(axesOf(box({ orientation: [0, 0] }))).toEqual([
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]);
  const axes = axesFrom([0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1])!;
  expect(axes[0]).toEqual([0.8, 0.6, 0]);
  expect(dot(axes[0], axes[1])).toBeCloseTo(0, 9);
  expect(orientationOf(axes)).toEqual([0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1]);
  expect(sub(axes[0], axes[0])).toEqual([0, 0, 0]);
});
