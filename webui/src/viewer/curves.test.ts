import { describe, expect, it } from "vitest";
import { curveFacts, curveTable, inside, meanSeries, scaled, seriesAt, times } from "./curves";
import { fromColumns, IDENTITY } from "./linalg";
import type { NiftiHeader } from "./nifti";
import { Volume } from "./volume";

function volume(
  shape: [number, number, number],
  frames: number,
  affine = IDENTITY,
  seconds = 0,
): Volume {
  const n = shape[0] * shape[1] * shape[2] * frames;
  const base = { shape, frames, channels: 1, dtype: "float32", slope: 2, inter: 1 };
  const header = { ...base, affine, frameSeconds: seconds };
  const data = Float32Array.from({ length: n }, (_, i) => i);
  const made = new Volume("x", header as unknown as NiftiHeader, data);
  made.complete = true;
  return made;
}

describe("curves", () => {
  it("are the display values of one voxel over time", () => {
    const series = volume([2, 2, 2], 3, IDENTITY, 2.5);
    expect(seriesAt(series, [1, 0, 0])).toEqual([3, 19, 35]);
    expect(times(series)).toEqual({ x: [0, 2.5, 5], xUnit: "s" });
    expect(times(volume([1, 1, 1], 2)).x).toEqual([1, 2]);
    const told = volume([1, 1, 1], 3, IDENTITY, 2);
    const nora = { histogram: null, unit: "", xdata: [0, 10, 40, 90] };
    const own = new Volume("x", { ...told.header, nora }, told.data);
    expect(times(own)).toEqual({ x: [0, 10, 40], xUnit: "x" });
  });

  it("are means over a ROI, also on another grid", () => {
    const series = volume([4, 4, 4], 2);
    const coarse = fromColumns([2, 0, 0], [0, 2, 0], [0, 0, 2], [0.5, 0.5, 0.5]);
    const roi = volume([2, 2, 2], 1, coarse);
    roi.data.fill(-1);
    roi.data[0] = 5;
    const offsets = inside(series, roi);
    expect(offsets.length).toBe(8);
    const mean = offsets.reduce((a, b) => a + b, 0) / 8;
    expect(meanSeries(series, offsets)).toEqual([2 * mean + 1, 2 * (mean + 64) + 1]);
    expect(meanSeries(series, [])).toEqual([NaN, NaN]);
  });

  it("bug 14: are scaled without any formula being run", () => {
    expect(scaled([2, 4, 6], "range")).toEqual([0, 0.5, 1]);
    expect(scaled([2, 4, 6], "mean")).toEqual([0.5, 1, 1.5]);
    expect(scaled([2, 4, 6], "first")).toEqual([1, 2, 3]);
    expect(scaled([5, 5], "range")).toEqual([NaN, NaN]);
  });

  it("have a mean, a standard deviation and an area under them", () => {
    expect(curveFacts({ x: [0, 2, 4], y: [1, 3, 5] })).toEqual({
      mean: 3,
      sd: Math.sqrt(8 / 3),
      area: 12,
    });
    expect(curveFacts({ x: [0, 1, 2, 3], y: [2, NaN, 4, 4] })).toMatchObject({ area: 4 });
    expect(curveFacts({ x: [1], y: [NaN] }).mean).toBeNaN();
  });

  it("are copied as a table", () => {
    const curve = { name: "bold", colour: "#fff", x: [0, 2], y: [7, 8], xUnit: "s" as const };
    expect(curveTable([curve])).toBe("s\tbold\n0\t7\n2\t8");
  });
});
