// Inputs shared by the tests of the viewer.
import type { Mat4, Vec3 } from "./linalg";
import { fromColumns, scale } from "./linalg";

export const UNIT: readonly Vec3[] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];
const LETTERS = [
  ["R", "L"],
  ["A", "P"],
  ["S", "I"],
] as const;

/** All 48 ways voxel axes can lie along the world's axes. */
export function allOrientations(): { codes: string; affine: Mat4 }[] {
  const out: { codes: string; affine: Mat4 }[] = [];
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ])
    for (let signs = 0; signs < 8; signs++) {
      const size = [1.5, 2, 3];
      const columns = order.map((world, v) =>
        scale(UNIT[world]!, size[v]! * (signs & (1 << v) ? -1 : 1)),
      );
      const codes = order.map((world, v) => LETTERS[world]![signs & (1 << v) ? 1 : 0]).join("");
      const affine = fromColumns(columns[0]!, columns[1]!, columns[2]!, [10, -20, 30]);
      out.push({ codes, affine });
    }
  return out;
}
