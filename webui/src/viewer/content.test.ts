// @vitest-environment node
import { describe, expect, it } from "vitest";
import { contentOf, contentRect, threshold } from "./content";
import { IDENTITY } from "./linalg";
import { parseHeader } from "./nifti";
import type { View } from "./planes";
import { niftiBytes } from "./reduce";
import { cutSlab } from "./sample";
import type { DrawLayer } from "./scene";
import { Volume } from "./volume";

const voxels = new Uint8Array(1000);
voxels[2 + 10 * (3 + 10 * 5)] = 7;
voxels[4 + 10 * (6 + 10 * 5)] = 9;
const volume = new Volume(
  "a",
  parseHeader(niftiBytes([10, 10, 10], IDENTITY, voxels).buffer),
  voxels,
);
volume.complete = true;
const view: View = {
  axes: { right: [1, 0, 0], up: [0, 1, 0], normal: [0, 0, 1] },
  origin: [5, 5, 5],
  mmPerPixel: 0.1,
  size: { width: 100, height: 100 },
};

describe("what a slab shows", () => {
  it("is the box of its values from the threshold on, along any axis", () => {
    expect(contentOf(cutSlab(volume, 2, 5, 1), volume, 0.5)).toEqual({
      axes: [0, 1],
      low: [2, 3],
      high: [4, 6],
    });
    expect(contentOf(cutSlab(volume, 2, 5, 1), volume, 8)).toMatchObject({ low: [4, 6] });
    expect(contentOf(cutSlab(volume, 0, 2, 1), volume, 0.5)).toEqual({
      axes: [1, 2],
      low: [3, 5],
      high: [3, 5],
    });
    expect(contentOf(cutSlab(volume, 2, 4, 1), volume, 0.5)).toBeNull();
  });

  it("lies within its rectangle on the screen with a texel to spare", () => {
    const content = contentOf(cutSlab(volume, 2, 5, 1), volume, 0.5)!;
    const { left, top, width, height } = contentRect(content, volume, view, 2, 5);
    // Voxel 2..4 is at pixel 20..40 from the left, 3..6 at 40..70 from the top.
    expect(left).toBeCloseTo(4, 6);
    expect(left + width).toBeCloseTo(56, 6);
    expect(top).toBeCloseTo(24, 6);
    expect(top + height).toBeCloseTo(86, 6);
  });

  it("is everything where nothing is hidden", () => {
    const layer = { mode: "scalar", shown: null, symmetric: false } as DrawLayer;
    expect(threshold(layer)).toBeNull();
    expect(threshold({ ...layer, shown: { low: 3, high: 3e38 } })).toBe(3);
    expect(threshold({ ...layer, shown: { low: -3e38, high: 4 } })).toBeNull();
    expect(threshold({ ...layer, shown: { low: 3, high: 4 }, symmetric: true })).toBeNull();
    expect(threshold({ ...layer, mode: "labels" })).toBe(0.5);
  });
});
