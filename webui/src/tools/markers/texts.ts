// Lengths, angles and places as people read them.
import type { Vec3 } from "./vectors";

const minus = (text: string): string => text.replace("-", "−");

export const placeText = (mm: Vec3): string =>
  mm.map((v) => minus((Math.abs(v) < 0.05 ? 0 : v).toFixed(1))).join(", ");

/** A number for a cell: three digits after the point at most. */
export const numberText = (value: number): string => minus(String(Number(value.toFixed(3)) + 0));
