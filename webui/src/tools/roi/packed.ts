// A ROI as the service takes it: packed voxels and the grid they lie on.
import { base64, bits, gzip } from "./nifti";
import type { Schema } from "../../core/types";
import type { Roi } from "./roi.svelte";

export const SUFFIX = /\.nii(\.gz)?$/;

export const hex = (colour: readonly number[]): string =>
  `#${colour.map((v) => v.toString(16).padStart(2, "0")).join("")}`;

/** Name without endings of files. */
export const plainName = (roi: Roi): string => roi.name.replace(SUFFIX, "");

/** The file whose grid a ROI has, or the grid itself: exactly one of the two. */
export function placed(roi: Roi) {
  const { shape, affine } = roi.volume;
  const id = roi.ownGrid ? null : (roi.reference?.id ?? null);
  const rows = [0, 1, 2, 3].map((r) => affine.slice(4 * r, 4 * r + 4));
  const length_unit: Schema["ExplicitGrid"]["length_unit"] =
    roi.length === "unknown" ? "mm" : roi.length;
  const grid = { shape: [...shape] as [number, number, number], affine: rows, length_unit };
  return { reference_id: id, grid: id === null ? grid : null };
}

/** One bit per voxel, gzip, base64. */
export async function packedVoxels(roi: Roi): Promise<string> {
  return base64(await gzip(bits(roi.data, roi.volume.voxelsPerFrame)));
}
