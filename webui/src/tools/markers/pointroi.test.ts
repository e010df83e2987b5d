// Point ROIs: what a ball above a threshold holds, against what is known of balls and boxes.
import { expect, test } from "vitest";
import type { Mat4 } from "../../viewer/linalg";
import { invert } from "../../viewer/linalg";
import { pointRoi, type Field } from "./pointroi";

const N = 40;
function field(affine: number[], value: (i: number, j: number, k: number) => number): Field {
  return {
    shape: [N, N, N],
    affine,
    inverse: invert(affine as unknown as Mat4)!,
    value: ([i, j, k]) => value(i, j, k),
  };
}
const UNIT = [1, 0, 0, -20, 0, 1, 0, -20, 0, 0, 1, -20, 0, 0, 0, 1];

test("MARK-08: a ball has the numbers of a ball", () => {
  const found = pointRoi(
    field(UNIT, () => 500),
    [0, 0, 0],
    12,
    300,
  )!;
  const volume = (4 / 3) * Math.PI * 12 ** 3;
  expect(found.volume_ml * 1000).toBeGreaterThan(0.98 * volume);
  expect(found.volume_ml * 1000).toBeLessThan(1.02 * volume);
  expect(found.diameter_mm).toBe(24);
  for (const axis of found.axes_mm) expect(Math.abs(axis - 24)).toBeLessThan(0.3);
  expect(Math.abs(found.surface_mm2 / (4 * Math.PI * 144) - 1)).toBeLessThan(0.03);
  expect(Math.abs(found.sphericity - 1)).toBeLessThan(0.03);
  expect(Math.abs(found.volume_per_surface_mm - 4)).toBeLessThan(0.15);
  expect([found.median, found.std]).toEqual([500, 0]);
});

test("only what is above the threshold counts, on voxels of unequal edges too", () => {
  const affine = [2, 0, 0, -40, 0, 0, -1, 20, 0, 3, 0, -60, 0, 0, 0, 1];
  // A slab of two voxels along the first axis: 19 and 20 lie at -2 and 0 mm.
  const image = field(affine, (i) => (i === 19 || i === 20 ? 400 + 100 * (i - 19) : 300));
  const found = pointRoi(image, [0, 0, 0], 9, 300)!;
  expect(found.n).toBe(found.indices.length);
  expect(found.volume_ml).toBeCloseTo((6 * found.n) / 1000, 9);
  expect(new Set(found.indices.map((at) => at % N))).toEqual(new Set([19, 20]));
  expect([400, 500]).toContain(found.median);
  expect(found.axes_mm[0]).toBeGreaterThan(found.axes_mm[2]);
  expect(found.diameter_mm).toBeLessThanOrEqual(18);
  expect(found.sphericity).toBeLessThan(1);
});

test("a ball outside of the image, or of nothing bright, has no numbers", () => {
  expect(
    pointRoi(
      field(UNIT, () => 500),
      [200, 0, 0],
      10,
      300,
    ),
  ).toBeNull();
  expect(
    pointRoi(
      field(UNIT, () => 300),
      [0, 0, 0],
      10,
      300,
    ),
  ).toBeNull();
  expect(
    pointRoi(
      field(UNIT, () => NaN),
      [0, 0, 0],
      10,
      300,
    ),
  ).toBeNull();
  const edge = pointRoi(
    field(UNIT, () => 1),
    [-20, -20, -20],
    5,
    0,
  )!;
  expect(Math.min(...edge.indices)).toBe(0);
});

test("one voxel is measured, too", () => {
  const found = pointRoi(
    field(UNIT, () => 7),
    [0, 0, 0],
    0.4,
    0,
  )!;
  expect([found.n, found.diameter_mm, found.median]).toEqual([1, 0, 7]);
  expect(found.axes_mm).toEqual([0, 0, 0]);
  expect(found.surface_mm2).toBeGreaterThan(0);
});
