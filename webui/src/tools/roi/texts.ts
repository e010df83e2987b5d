// Numbers of ROIs as people read them.

import type { Length } from "../../viewer";
import { inMm } from "../../viewer";

const NM3_PER_MM3 = 1e18;
const NM3_PER_UM3 = 1e9;

/** Cubic nanometres, or micrometres when many. */
export function tinyText(nm3: number): string {
  const [shown, unit] = nm3 < NM3_PER_UM3 / 100 ? [nm3, "nm³"] : [nm3 / NM3_PER_UM3, "µm³"];
  const digits = shown === 0 || shown >= 1000 ? 0 : shown < 10 ? 2 : 1;
  return `${shown.toFixed(digits)} ${unit}`;
}

/** What a region takes: "12.4 mL", "34.1 nm³", or its voxels where their size is not known. */
export function sizeText(ml: number, length: Length, voxels: number): string {
  const mm3 = inMm(ml * 1000, length, 3);
  if (mm3 === null) return `${voxels} vox`;
  return length === "angstrom" ? tinyText(mm3 * NM3_PER_MM3) : volumeText(mm3 / 1000);
}

/** "12.4 mL", or microlitres when small. */
export function volumeText(ml: number): string {
  if (ml === 0) return "0 mL";
  if (ml < 0.1) return `${(ml * 1000).toFixed(ml < 0.01 ? 2 : 1)} µL`;
  return `${ml.toFixed(ml < 10 ? 2 : 1)} mL`;
}
