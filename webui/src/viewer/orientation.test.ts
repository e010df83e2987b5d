import { describe, expect, it } from "vitest";
import type { Vec3 } from "./linalg";
import { apply, axisRotation, dot, fromColumns, invert, rotate, scale } from "./linalg";
import { axisAssignment, imageFrame, orientationCodes, sideLetter, voxelSize } from "./orientation";
import { hasSides, lengthOf } from "./lengths";
import { allOrientations, UNIT } from "./testing";
import { cameraLetters, planeAxes, screenToWorld, sideLetters, worldToScreen } from "./planes";

describe("the 48 axis orders", () => {
  it.each(allOrientations())("$codes is recognised and inverts", ({ codes, affine }) => {
    expect(orientationCodes(affine)).toBe(codes);
    expect(voxelSize(affine)).toEqual([1.5, 2, 3]);
    const back = apply(invert(affine)!, apply(affine, [3, 5, 7]));
    back.forEach((v, i) => expect(v).toBeCloseTo([3, 5, 7][i]!, 9));
    expect([...axisAssignment(affine).world].sort()).toEqual([0, 1, 2]);
  });

  it.each(allOrientations())("$codes: planes follow the world, not the storage", ({ affine }) => {
    const frame = imageFrame(affine);
    frame.forEach((column, i) => column.forEach((v, k) => expect(v).toBeCloseTo(UNIT[i]![k]!, 9)));
    const axes = planeAxes("axial", true, frame);
    expect(sideLetters(axes)).toEqual({ left: "R", right: "L", top: "A", bottom: "P" });
  });

  it.each(allOrientations())("$codes: a world point goes to its pixel and back", ({ affine }) => {
    const world = apply(affine, [4, 6, 8]);
    for (const plane of ["axial", "coronal", "sagittal"] as const) {
      const axes = planeAxes(plane, true, imageFrame(affine));
      const view = { axes, origin: world, mmPerPixel: 0.5, size: { width: 200, height: 100 } };
      expect(worldToScreen(view, world)).toEqual({ x: 100, y: 50 });
      const there = screenToWorld(view, { x: 120, y: 30 });
      const pixel = worldToScreen(view, there);
      expect(pixel.x).toBeCloseTo(120, 9);
      expect(pixel.y).toBeCloseTo(30, 9);
      // 20 pixels right of the middle are 10 mm along the plane's right.
      expect(dot(there, axes.right) - dot(world, axes.right)).toBeCloseTo(10, 9);
    }
  });
});

describe("sides", () => {
  it("a specimen has axes and no left: x runs to the right in every convention (VIEW-x09)", () => {
    const frame = imageFrame(fromColumns(UNIT[0]!, UNIT[1]!, UNIT[2]!, [0, 0, 0]));
    const axes = planeAxes("axial", false, frame);
    expect(sideLetters(axes, false)).toEqual({ left: "−x", right: "x", top: "y", bottom: "−y" });
    expect(cameraLetters(110, 10, false)).toEqual({
      left: "y x",
      right: "−y −x",
      top: "z",
      bottom: "−z",
    });
    const raw = { affineFrom: "sform", marks: ["A"] } as const;
    expect([hasSides(lengthOf(raw)), hasSides(lengthOf({ affineFrom: "sform" }))]).toEqual([
      false,
      true,
    ]);
  });

  it("turns left and right with the convention, and only where both show", () => {
    const frame = imageFrame(fromColumns(UNIT[0]!, UNIT[1]!, UNIT[2]!, [0, 0, 0]));
    expect(sideLetters(planeAxes("coronal", true, frame)).left).toBe("R");
    expect(sideLetters(planeAxes("coronal", false, frame)).left).toBe("L");
    expect(sideLetters(planeAxes("sagittal", true, frame)).right).toBe("A");
    expect(sideLetters(planeAxes("sagittal", false, frame)).right).toBe("A");
  });

  it("names a second side when a direction leans to it", () => {
    const lean = (degrees: number): Vec3 =>
      rotate(axisRotation([0, 0, 1], (degrees * Math.PI) / 180), [1, 0, 0]);
    expect(sideLetter(lean(10))).toBe("R");
    expect(sideLetter(lean(30))).toBe("RA");
    expect(sideLetter(lean(-60))).toBe("PR");
  });

  it("follows an oblique image without its shear", () => {
    const turn = axisRotation([1, 0, 0], 0.3);
    const [x, y, z] = turn.map((c, i) => scale(c, [-0.8, 0.9, 2.5][i]!)) as [Vec3, Vec3, Vec3];
    const frame = imageFrame(fromColumns(x, y, z, [5, 5, 5]));
    frame.forEach((c, i) => c.forEach((v, k) => expect(v).toBeCloseTo(turn[i]![k]!, 9)));
  });
});
