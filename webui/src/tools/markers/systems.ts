// Planes through points: the system of AC and PC, and the plane through any three points.
import type { Vec3 } from "./vectors";
import { cross, dot, middleOf, sub, times, unit } from "./vectors";

/** Directions of right, anterior and superior, in the world. */
export type Frame = readonly [Vec3, Vec3, Vec3];

const RIGHT: Vec3 = [1, 0, 0];
const ANTERIOR: Vec3 = [0, 1, 0];
const SUPERIOR: Vec3 = [0, 0, 1];

/** What of a direction is across another. */
const across = (a: Vec3, b: Vec3): Vec3 => sub(a, times(b, dot(a, b)));
const facing = (a: Vec3, towards: Vec3): Vec3 => (dot(a, towards) < 0 ? times(a, -1) : a);
const length = (a: Vec3): number => Math.hypot(...a);

/** From AC and PC, and a third point of the midplane if there is one; null when they coincide. */
export function acpcFrame([a, b, third]: readonly Vec3[]): Frame | null {
  if (!a || !b || length(sub(a, b)) < 1e-6) return null;
  const anterior = facing(unit(sub(a, b)), ANTERIOR);
  const lift = third ? across(sub(third, a), anterior) : ([0, 0, 0] as Vec3);
  if (length(lift) < 1e-6) {
    const right = unit(across(RIGHT, anterior));
    return [right, anterior, cross(right, anterior)];
  }
  const superior = facing(unit(lift), SUPERIOR);
  return [cross(anterior, superior), anterior, superior];
}

/** The plane through three points becomes axial, its first edge runs from left to right. */
export function threePointFrame([a, b, c]: readonly Vec3[]): Frame | null {
  if (!a || !b || !c) return null;
  const normal = cross(sub(b, a), sub(c, a));
  if (length(normal) < 1e-6) return null;
  const superior = facing(unit(normal), SUPERIOR);
  const right = facing(unit(sub(b, a)), RIGHT);
  return [right, cross(superior, right), superior];
}

/** The turn that brings one frame onto another, by its columns. */
export function turnOnto(from: Frame, to: Frame): Frame {
  // to * transposed(from): the image of each axis of the world.
  const image = (axis: 0 | 1 | 2): Vec3 => {
    const parts = to.map((direction, n) => times(direction, from[n]![axis]));
    return times(middleOf(parts), 3);
  };
  return [image(0), image(1), image(2)];
}
