import { describe, expect, it } from "vitest";
import { angleDegrees, inPlane, lengthMm, measureText } from "./measure";

describe("ruler and angle", () => {
  it("measure in the world", () => {
    expect(lengthMm([0, 0, 0], [3, 4, 12])).toBe(13);
    expect(angleDegrees([1, 0, 0], [0, 0, 0], [0, 5, 0])).toBeCloseTo(90);
    expect(angleDegrees([1, 0, 0], [0, 0, 0], [1, 1, 0])).toBeCloseTo(45);
  });

  it("carry units, and refuse millimetres that nobody knows", () => {
    const points: [number, number, number][] = [
      [0, 0, 0],
      [3, 4, 0],
    ];
    expect(measureText({ kind: "ruler", points, calibrated: true })).toBe("5.0 mm");
    expect(measureText({ kind: "ruler", points, calibrated: false })).toMatch(/unknown/);
    const corner = [...points, [6, 0, 0] as [number, number, number]];
    expect(measureText({ kind: "angle", points: corner, calibrated: true })).toBe("73.7°");
    expect(measureText({ kind: "angle", points, calibrated: true })).toBe("");
  });

  it("are seen in their own plane only", () => {
    expect(inPlane([[5, 5, 10]], [0, 0, 10], [0, 0, 1], 2)).toBe(true);
    expect(inPlane([[5, 5, 12]], [0, 0, 10], [0, 0, 1], 2)).toBe(false);
  });
});
