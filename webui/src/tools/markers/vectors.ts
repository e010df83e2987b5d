// Small vectors in world mm.
export type Vec3 = readonly [number, number, number];

export const add = (a: Vec3, b: Vec3): Vec3 => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const sub = (a: Vec3, b: Vec3): Vec3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const times = (a: Vec3, s: number): Vec3 => [a[0] * s, a[1] * s, a[2] * s];
export const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const norm = (a: Vec3): number => Math.hypot(a[0], a[1], a[2]);
export const distance = (a: Vec3, b: Vec3): number => norm(sub(a, b));
export const along = (a: Vec3, b: Vec3, t: number): Vec3 => add(a, times(sub(b, a), t));

export const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

export function unit(a: Vec3): Vec3 {
  const length = norm(a);
  return length > 0 ? times(a, 1 / length) : a;
}

export const middleOf = (places: readonly Vec3[]): Vec3 =>
  times(
    places.reduce((sum, one) => add(sum, one), [0, 0, 0] as Vec3),
    1 / Math.max(1, places.length),
  );

/** Angle between two directions in degrees. */
export const angleBetween = (a: Vec3, b: Vec3): number =>
  (Math.atan2(norm(cross(a, b)), dot(a, b)) * 180) / Math.PI;
