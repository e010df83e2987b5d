import { describe, expect, it } from "vitest";
import type { Mat4, Vec3 } from "./linalg";
import { apply, IDENTITY3, invert } from "./linalg";
import {
  cameraLetters,
  fitScale,
  mappingNamed,
  MAPPINGS,
  middle,
  onPlane,
  planeAxes,
  sliceInfo,
  stepSlice,
} from "./planes";
import { allOrientations } from "./testing";

const grid = (affine: Mat4, shape: Vec3) => ({ affine, inverse: invert(affine)!, shape });

describe("slices", () => {
  it.each(allOrientations())("$codes: a step goes up and stops at the end", ({ affine }) => {
    const image = grid(affine, [8, 10, 12]);
    for (const plane of ["axial", "coronal", "sagittal"] as const) {
      const { normal } = planeAxes(plane, true, IDENTITY3);
      const start = middle(image);
      const next = stepSlice(image, normal, start, 1);
      const info = sliceInfo(image, normal, next);
      expect(info.aligned).toBe(true);
      expect(info.index - sliceInfo(image, normal, start).index).toBe(info.sign);
      const far = stepSlice(image, normal, start, 1000);
      expect(sliceInfo(image, normal, far).index).toBe(info.sign > 0 ? info.count - 1 : 0);
      const again = stepSlice(image, normal, far, 1);
      again.forEach((v, i) => expect(v).toBeCloseTo(far[i]!, 9));
    }
  });

  it("snaps to the middle of a slice", () => {
    const image = grid([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1], [10, 10, 10]);
    const to = stepSlice(image, [0, 0, 1], [4.2, 5.1, 7.1], 1);
    expect(to[2]).toBeCloseTo(9, 9);
    expect(to[0]).toBeCloseTo(4.2, 9);
  });

  it("keeps a panned view on the plane of the crosshair", () => {
    expect(onPlane([1, 2, 3], [9, 9, 9], [0, 0, 1])).toEqual([1, 2, 9]);
  });
});

describe("3D letters", () => {
  it.each([
    [0, 0, { left: "L", right: "R", top: "S", bottom: "I" }],
    [180, 0, { left: "R", right: "L", top: "S", bottom: "I" }],
    [90, 0, { left: "A", right: "P", top: "S", bottom: "I" }],
    [270, 0, { left: "P", right: "A", top: "S", bottom: "I" }],
    [0, 90, { left: "L", right: "R", top: "A", bottom: "P" }],
  ])("from azimuth %i, elevation %i", (azimuth, elevation, letters) => {
    expect(cameraLetters(azimuth, elevation)).toEqual(letters);
  });
});

describe("worlds of other species (VIEW-x07)", () => {
  const axes = (id: string) => planeAxes("axial", true, IDENTITY3, mappingNamed(id));

  it("are the seven that NORA knows: human by convention, the others by their own axes", () => {
    expect(MAPPINGS.map(({ id }) => id)).toEqual([
      "human",
      "upsidedown",
      "mouse",
      "mouseflipped",
      "sheep",
      "memory",
    ]);
    const right = (radiological: boolean) =>
      planeAxes("axial", radiological, IDENTITY3).right.map((v) => v + 0);
    expect(right(true)).toEqual([-1, 0, 0]);
    expect(right(false)).toEqual([1, 0, 0]);
  });

  it.each(MAPPINGS.map(({ id }) => id))("%s: planes stay at right angles", (id) => {
    for (const plane of ["axial", "coronal", "sagittal"] as const) {
      const { right, up, normal } = planeAxes(plane, true, IDENTITY3, mappingNamed(id));
      for (const [a, b] of [
        [right, up],
        [up, normal],
        [right, normal],
      ] as const)
        expect(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]).toBeCloseTo(0, 12);
      expect(Math.hypot(...normal)).toBeCloseTo(1, 12);
    }
  });

  it("take the slices of a mouse along the length of the scanner", () => {
    expect(axes("mouse").normal.map(Math.abs)).toEqual([0, 1, 0]);
    expect(axes("sheep").normal.map(Math.abs)).toEqual([0, 1, 0]);
    expect(axes("upsidedown").up.map((v) => v + 0)).toEqual([0, -1, 0]);
  });
});

describe("fit", () => {
  it("shows the longer side of the image in full", () => {
    const image = grid([2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1], [100, 50, 25]);
    const axes = planeAxes("axial", true, IDENTITY3);
    expect(fitScale(image, axes, { width: 100, height: 100 }, 1)).toBeCloseTo(2, 9);
    expect(fitScale(image, axes, { width: 400, height: 20 }, 1)).toBeCloseTo(5, 9);
    expect(apply(image.affine, [50, 25, 12])).toEqual(middle(image));
  });
});
