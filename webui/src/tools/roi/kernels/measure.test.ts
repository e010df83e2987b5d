// Measures made in the page follow the rules of the service: both are held to the same vectors.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Mat4 } from "../../../viewer/linalg";
import { invert } from "../../../viewer/linalg";
import type { Triple } from "./box";
import { voxels } from "./box";
import { histogram, quantile, readInside, summary } from "./measure";
import { decode } from "./runs";

interface Case {
  name: string;
  image: number[];
  shape: Triple;
  affine: number[][];
  roi: { shape: Triple; affine: number[][]; mask: number[] };
  zeros: boolean;
  nora: boolean;
  percents: number[];
  expected: Record<string, number> & { percentiles: Record<string, number> };
}

const FILE = join(import.meta.dirname, "../../../../../tests/vectors/roi_measures.json");
const cases = JSON.parse(readFileSync(FILE, "utf-8")) as Case[];

const placed = (shape: Triple, rows: number[][]) => {
  const affine = rows.flat() as Mat4;
  return { shape, affine, inverse: invert(affine)! };
};

describe("ROI-39 to ROI-44", () => {
  it.each(cases.map((one) => [one.name, one] as const))("%s", (_, one) => {
    const image = {
      ...placed(one.shape, one.affine),
      data: one.image,
      from: 0,
      slope: 1,
      inter: 0,
    };
    const roi = placed(one.roi.shape, one.roi.affine);
    const mask = new Uint8Array(voxels(one.roi.shape));
    decode(one.roi.mask, mask);
    const read = readInside(image, roi, mask);
    const rules = { zeros: one.zeros, nora: one.nora, percentiles: one.percents };
    const { percentiles, ...found } = summary(read, roi, rules);
    const { percentiles: wanted, ...rest } = one.expected;
    for (const [name, value] of Object.entries(rest))
      expect(found[name as keyof typeof found], name).toBeCloseTo(value, 8);
    for (const [p, value] of Object.entries(wanted)) expect(percentiles[p]).toBeCloseTo(value, 8);
  });

  it("nothing inside has no values", () => {
    expect(quantile(new Float64Array(), 50, false)).toBeNull();
    expect(histogram(Float64Array.of(NaN), 4)).toBeNull();
  });

  it("a histogram counts its upper edge, and one value has a width", () => {
    expect(histogram(Float64Array.of(0, 1, 2, 4), 4)).toEqual({
      edges: [0, 1, 2, 3, 4],
      counts: [1, 1, 1, 1],
    });
    expect(histogram(Float64Array.of(3, 3), 2)!.counts).toEqual([0, 2]);
  });
});
