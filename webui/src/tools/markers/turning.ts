// The shortest turn between two directions.
import type { Vec3 } from "./vectors";
import { cross, dot, norm, times, unit } from "./vectors";

/** Brings one direction, or its opposite, onto another; null when it is there. */
export function turnBetween(from: Vec3, to: Vec3): { axis: Vec3; radians: number } | null {
  const goal = dot(from, to) < 0 ? times(to, -1) : to;
  const axis = cross(from, goal);
  const sine = norm(axis);
  return sine < 1e-9 ? null : { axis: unit(axis), radians: Math.atan2(sine, dot(from, goal)) };
}
