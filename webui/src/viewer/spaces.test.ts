import { describe, expect, it } from "vitest";
import { fromColumns, invert } from "./linalg";
import type { GridLike } from "./planes";
import { overlap, warningsOf } from "./spaces";

function grid(x: number): GridLike {
  const affine = fromColumns([2, 0, 0], [0, 2, 0], [0, 0, 2], [x, 0, 0]);
  return { affine, inverse: invert(affine)!, shape: [10, 10, 10] };
}
const image = (label: string, x: number, space: number, warnings: string[] = []) => ({
  label,
  grid: grid(x),
  space,
  warnings,
});

describe("spaces", () => {
  it("are compared: scanner against template, and whether images overlap at all", () => {
    expect(warningsOf([image("t1", 0, 1), image("t2", 5, 2)])).toEqual([]);
    expect(warningsOf([image("t1", 0, 1), image("atlas", 5, 4)])).toEqual([
      "t1 is in scanner space, atlas in MNI space.",
    ]);
    expect(warningsOf([image("t1", 0, 1), image("far", 500, 1)])).toEqual(["far lies outside t1."]);
  });

  it("keep the warnings of the files, named when there are several", () => {
    expect(warningsOf([image("t1", 0, 1, ["sides are a guess."])])).toEqual(["sides are a guess."]);
    expect(warningsOf([image("t1", 0, 1), image("t2", 0, 1, ["no."])])).toEqual(["t2: no."]);
  });

  it("overlap by half a voxel beyond the centres", () => {
    expect(overlap(grid(0), grid(19))).toBe(true);
    expect(overlap(grid(0), grid(21))).toBe(false);
  });
});
