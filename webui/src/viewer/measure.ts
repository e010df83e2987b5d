// Lengths and angles in the world, and how they are written.
import type { Vec3 } from "./linalg";
import { dot, norm, sub, unit } from "./linalg";
import type { Length } from "./lengths";
import { lengthText } from "./lengths";
import { formatValue } from "./windowing";

export type MeasureKind = "ruler" | "angle";

export interface Measurement {
  kind: MeasureKind;
  /** Ruler: two ends; angle: end, corner, end. World mm. */
  points: Vec3[];
  /** What the file's lengths are. */
  length: Length;
}

export const lengthMm = (a: Vec3, b: Vec3): number => norm(sub(a, b));

/** Angle at the corner, in degrees. */
export function angleDegrees(a: Vec3, corner: Vec3, b: Vec3): number {
  const cosine = dot(unit(sub(a, corner)), unit(sub(b, corner)));
  return (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
}

/** "23.4 mm", "47.2°"; a length without a known voxel size is no length. */
export function measureText({ kind, points, length }: Measurement): string {
  const [a, b, c] = points;
  if (kind === "ruler") {
    if (!a || !b) return "";
    return lengthText(lengthMm(a, b), length);
  }
  return a && b && c ? `${formatValue(Number(angleDegrees(a, b, c).toFixed(1)))}°` : "";
}

/** Whether a measurement lies in a plane: all points within half a step of it. */
export function inPlane(points: readonly Vec3[], origin: Vec3, normal: Vec3, stepMm: number) {
  return points.every((p) => Math.abs(dot(sub(p, origin), normal)) <= stepMm / 2 + 1e-3);
}
