// Two perpendicular diameters: four points in one plane that stay perpendicular when one is moved.
import type { Vec3 } from "./vectors";
import { add, along, cross, distance, dot, sub, times, unit } from "./vectors";

export type Four = readonly [Vec3, Vec3, Vec3, Vec3];

/** Direction of the short diameter: in the plane, across the long one. */
const across = (a: Vec3, b: Vec3, normal: Vec3): Vec3 => unit(cross(normal, sub(b, a)));

/** A first guess: the short diameter through the middle, two thirds as long. */
export function crossed(a: Vec3, b: Vec3, normal: Vec3): Four {
  const middle = along(a, b, 0.5);
  const half = times(across(a, b, normal), distance(a, b) / 3);
  return [a, b, sub(middle, half), add(middle, half)];
}

/** Plane of four points; `fallback` when they lie on a line. */
export function planeOf([a, b, c, d]: Four, fallback: Vec3): Vec3 {
  const normal = cross(sub(b, a), sub(d, c));
  return Math.hypot(...normal) > 1e-9 ? unit(normal) : fallback;
}

/** Where the short diameter leaves the long one: share along it, and both arms in mm. */
function arms([a, b, c, d]: Four, side: Vec3): { share: number; low: number; high: number } {
  const length = Math.max(distance(a, b), 1e-9);
  const axis = unit(sub(b, a));
  return {
    share: dot(sub(along(c, d, 0.5), a), axis) / length,
    low: dot(sub(c, a), side),
    high: dot(sub(d, a), side),
  };
}

/** Move one of the four: the others follow so that all stay in the plane and perpendicular. */
export function moveEnd(four: Four, which: number, to: Vec3, fallback: Vec3): Four {
  const normal = planeOf(four, fallback);
  const [a, b] = four;
  const flat = sub(to, times(normal, dot(sub(to, a), normal)));
  const { share, low, high } = arms(four, across(a, b, normal));
  if (which < 2) {
    const ends: [Vec3, Vec3] = which === 0 ? [flat, b] : [a, flat];
    const foot = along(ends[0], ends[1], share);
    const side = across(ends[0], ends[1], normal);
    return [...ends, add(foot, times(side, low)), add(foot, times(side, high))];
  }
  const axis = unit(sub(b, a));
  const side = across(a, b, normal);
  const reach = Math.min(distance(a, b), Math.max(0, dot(sub(flat, a), axis)));
  const foot = add(a, times(axis, reach));
  const arm = dot(sub(flat, a), side);
  const [c, d] = which === 2 ? [arm, high] : [low, arm];
  return [a, b, add(foot, times(side, c)), add(foot, times(side, d))];
}
