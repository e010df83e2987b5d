// How voxel axes lie in the world: axis assignment, codes, side letters, the display frame.
import type { Mat3, Mat4, Vec3 } from "./linalg";
import { column, nearestRotation, norm, scale, unit } from "./linalg";

const POSITIVE = ["R", "A", "S"] as const;
const NEGATIVE = ["L", "P", "I"] as const;
/** A second side is named when a direction leans to it by more than 15 degrees. */
const LEAN = Math.sin((15 * Math.PI) / 180);

const PERMUTATIONS: readonly Vec3[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** For each voxel axis the world axis it follows best (a permutation) and the sign. */
export function axisAssignment(affine: Mat4): { world: Vec3; sign: Vec3 } {
  const columns = [0, 1, 2].map((c) => unit(column(affine, c)));
  const score = (p: Vec3): number => p.reduce((s, w, v) => s + Math.abs(columns[v]![w]!), 0);
  const world = PERMUTATIONS.reduce((best, p) => (score(p) > score(best) + 1e-9 ? p : best));
  const sign = world.map((w, v) => (columns[v]![w]! < 0 ? -1 : 1)) as unknown as Vec3;
  return { world, sign };
}

/** Three letters saying where each voxel axis points to, as nibabel's aff2axcodes. */
export function orientationCodes(affine: Mat4): string {
  const { world, sign } = axisAssignment(affine);
  return world.map((w, v) => (sign[v]! > 0 ? POSITIVE[w]! : NEGATIVE[w]!)).join("");
}

/** Anatomical side a world direction points to: "R", or "RA" when it leans. */
export function sideLetter(direction: Vec3): string {
  const d = unit(direction);
  return [0, 1, 2]
    .map((axis) => ({ axis, size: Math.abs(d[axis]!) }))
    .sort((a, b) => b.size - a.size || a.axis - b.axis)
    .filter(({ size }, rank) => rank === 0 || (rank === 1 && size > LEAN))
    .map(({ axis }) => (d[axis]! > 0 ? POSITIVE[axis]! : NEGATIVE[axis]!))
    .join("");
}

/** Rotation (columns: display R, A, S directions) that follows the voxel axes of an image. */
export function imageFrame(affine: Mat4): Mat3 {
  const { world, sign } = axisAssignment(affine);
  const columns: Vec3[] = [];
  world.forEach((w, v) => (columns[w] = scale(unit(column(affine, v)), sign[v]!)));
  return nearestRotation(columns as unknown as Mat3);
}

/** Voxel edge lengths in mm. */
export const voxelSize = (affine: Mat4): Vec3 => [
  norm(column(affine, 0)),
  norm(column(affine, 1)),
  norm(column(affine, 2)),
];
