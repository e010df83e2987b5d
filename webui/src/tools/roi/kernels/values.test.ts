// What threshold and magic pens take of the voxels they cover.
import { describe, expect, it } from "vitest";
import type { Mat4 } from "../../../viewer/linalg";
import { Growth, dragTolerance } from "./growing";
import type { Patch } from "./pens";
import { between, betweenConnected, similar, similarConnected, valuesUnder } from "./values";

const N = 11;
const SHAPE = [N, 1, 1] as const;
const AFFINE: Mat4 = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
const MATRIX = { shape: SHAPE, affine: AFFINE, inverse: AFFINE };
const WINDOW = { low: 0, high: 100 };
const patch = (): Patch => ({
  box: { low: [0, 0, 0], high: [N - 1, 0, 0] },
  on: new Uint8Array(N).fill(1),
});
const taken = ({ on }: Patch): number[] => [...on.keys()].filter((i) => on[i]);

/** A ramp of 4 per voxel, 50 in the middle, with a value alike behind a wall. */
const RAMP = Float64Array.from({ length: N }, (_, i) => (i === 1 ? 50 : 50 + 4 * (i - 5)));

describe("bug 4: the connected magic pen", () => {
  it("keeps to a tenth of the window, however far the mouse went in free growing before", () => {
    const source = { values: RAMP, shape: SHAPE, slope: 1, inter: 0, ...WINDOW };
    expect(new Growth(source, 5).reach(dragTolerance(100))).toBe(N);
    expect(taken(similarConnected(patch(), RAMP, WINDOW, [5, 0, 0]))).toEqual([3, 4, 5, 6, 7]);
    expect(new Growth(source, 5).reach(dragTolerance(-60))).toBe(1);
    expect(taken(similarConnected(patch(), RAMP, WINDOW, [5, 0, 0]))).toEqual([3, 4, 5, 6, 7]);
  });

  it("ROI-25: takes nothing when its middle lies outside", () => {
    expect(taken(similarConnected(patch(), RAMP, WINDOW, [5, 3, 0]))).toEqual([]);
  });
});

describe("pens that look at values", () => {
  it("ROI-24: the unconnected magic pen also takes what lies behind a wall, less at the rim", () => {
    const near = similar(patch(), RAMP, WINDOW, [5, 0, 0], () => 0);
    expect(taken(near)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const rim = similar(patch(), RAMP, WINDOW, [5, 0, 0], (at) => ((at - 5) / 5) ** 2);
    expect(taken(rim)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("ROI-22: thresholds count themselves in, and a missing side is ignored", () => {
    expect(taken(between(patch(), RAMP, { low: 62, high: null }))).toEqual([8, 9, 10]);
    expect(taken(between(patch(), RAMP, { low: 46, high: 54 }))).toEqual([1, 4, 5, 6]);
  });

  it("ROI-23: with growing, limits are left out and a wall holds", () => {
    const limits = { low: 42, high: 58 };
    expect(taken(betweenConnected(patch(), RAMP, limits, [5, 0, 0]))).toEqual([4, 5, 6]);
  });

  it("read the nearest voxel of an image on another matrix, and nothing outside it", () => {
    const affine: Mat4 = [2, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const inverse: Mat4 = [0.5, 0, 0, -0.5, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const image = { shape: [3, 1, 1] as const, affine, inverse, data: [1, 2, 3] };
    const found = valuesUnder({ ...image, from: 0, slope: 10, inter: 1 }, MATRIX, patch());
    expect([...found]).toEqual([11, 11, 21, 21, 31, 31].concat(Array(5).fill(NaN)));
  });
});
