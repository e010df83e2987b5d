// Which way planes lie and which voxels are shown: own image, world, or one grid for everything.
import { hasSides, lengthOf } from "./lengths";
import type { Vec3 } from "./linalg";
import { fromColumns, IDENTITY3, invert, multiply3 } from "./linalg";
import { imageFrame } from "./orientation";
import type { GridLike } from "./planes";
import { corners } from "./planes";
import type { Viewer } from "./viewer.svelte";
import type { Pose } from "./viewport.svelte";
import type { Volume } from "./volume";

/** A grid along the world's axes around an image. */
export function worldGrid(around: GridLike, voxelMm: Vec3): GridLike {
  const points = corners(around);
  const low = [0, 1, 2].map((a) => Math.min(...points.map((p) => p[a]!)));
  const high = [0, 1, 2].map((a) => Math.max(...points.map((p) => p[a]!)));
  const first = low.map((x, a) => Math.floor(x / voxelMm[a]!) * voxelMm[a]!) as unknown as Vec3;
  const shape = high.map((x, a) =>
    Math.max(1, Math.ceil((x - first[a]!) / voxelMm[a]!)),
  ) as unknown as Vec3;
  const affine = fromColumns([voxelMm[0], 0, 0], [0, voxelMm[1], 0], [0, 0, voxelMm[2]], first);
  return { affine, inverse: invert(affine)!, shape };
}

/** The common display grid, null when every image is read on its own. */
export function displayGrid(viewer: Viewer): GridLike | null {
  if (viewer.frameMode !== "grid") return null;
  if (viewer.master) return viewer.master.volume;
  const { volume } = viewer.activeViewport;
  const any = volume ?? viewer.layers.find((layer) => layer.volume)?.volume;
  return any ? worldGrid(any, viewer.worldVoxelMm) : null;
}

/** How the planes of a viewport with this image lie. */
export function pose(viewer: Viewer, volume: Volume): Pose {
  const grid = displayGrid(viewer);
  const along = grid ?? volume;
  const upright = viewer.frameMode === "world" ? IDENTITY3 : imageFrame(along.affine);
  const frame = multiply3(viewer.rotation, upright);
  const { worldMapping: mapping, fieldMm } = viewer;
  // No side of a specimen is its left: x runs to the right, as in IMOD.
  const radiological = viewer.radiological && hasSides(lengthOf(volume.header));
  return { radiological, mapping, frame, upright, fieldMm };
}
