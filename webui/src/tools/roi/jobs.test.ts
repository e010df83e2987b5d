// What the worker does with a mask.
import { describe, expect, it } from "vitest";
import { answer, edited } from "./jobs";
import type { Triple } from "./kernels/box";
import { decode, encode, flip } from "./kernels/runs";

const SHAPE: Triple = [8, 4, 2];

const made = (runs: number[]): Uint8Array => {
  const mask = new Uint8Array(64);
  decode(runs, mask);
  return mask;
};

describe("bug 3: what NORA calls crop at seed", () => {
  // A large part and, beside it, a small one.
  const mask = made([0, 3, 8, 3, 32, 3, 20, 2]);

  it("keeps the part that holds the seed, also when it is the smaller one", () => {
    const small = edited(mask, SHAPE, { op: "island", voxel: 21, keep: true });
    expect([...encode(small)]).toEqual([20, 2]);
    const large = edited(mask, SHAPE, { op: "island", voxel: 34, keep: true });
    expect([...encode(large)]).toEqual([0, 3, 8, 3, 32, 3]);
  });

  it("changes nothing when the seed lies beside the mask", () => {
    expect(edited(mask, SHAPE, { op: "island", voxel: 63, keep: true })).toEqual(mask);
  });

  it("is told as the voxels that change, so that it can be undone", () => {
    const job = { mask, shape: SHAPE, edit: { op: "island", voxel: 20, keep: true } } as const;
    const runs = answer(job) as Uint32Array;
    const after = mask.slice();
    expect(flip(after, runs)).toBe(-9);
    expect([...encode(after)]).toEqual([20, 2]);
    flip(after, runs);
    expect(after).toEqual(mask);
  });
});
