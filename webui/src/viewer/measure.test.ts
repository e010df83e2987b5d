import { describe, expect, it } from "vitest";
import type { Length } from "./lengths";
import { lengthText } from "./lengths";
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
    expect(measureText({ kind: "ruler", points, length: "mm" })).toBe("5.0 mm");
    expect(measureText({ kind: "ruler", points, length: "unknown" })).toMatch(/unknown/);
    const written = (length: Length): string => measureText({ kind: "ruler", points, length });
    expect(written("pixel")).toBe("5.0 px, no mm: spacing unknown");
    expect(written("detector")).toBe("5.0 mm at the detector");
    expect(written("angstrom")).toBe("5.0 Å");
    expect(lengthText([1234, 50], "angstrom")).toBe("123.4 × 5.0 nm");
    const corner = [...points, [6, 0, 0] as [number, number, number]];
    expect(measureText({ kind: "angle", points: corner, length: "mm" })).toBe("73.7°");
    expect(measureText({ kind: "angle", points, length: "mm" })).toBe("");
  });

  it("are seen in their own plane only", () => {
    expect(inPlane([[5, 5, 10]], [0, 0, 10], [0, 0, 1], 2)).toBe(true);
    expect(inPlane([[5, 5, 12]], [0, 0, 10], [0, 0, 1], 2)).toBe(false);
  });
});
