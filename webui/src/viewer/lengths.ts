// What one unit of an image's world is, and how lengths are written: not every file knows millimetres.
import type { NiftiHeader } from "./nifti";

/**
 * `detector`: millimetres where the beam met the detector, not in the patient; `angstrom`: one
 * Ångström is shown as a millimetre; `pixel`: nobody knows how large a pixel is; `unknown`: the
 * header says nothing of places at all.
 */
export type Length = "mm" | "detector" | "angstrom" | "pixel" | "unknown";

/** Marks in the header of what was made from files of other kinds. */
const MARKED: Record<string, Length> = { det: "detector", A: "angstrom", px: "pixel" };
/** Nanometres are easier to read from here on. */
const NANOMETRES_FROM = 100;

export function lengthOf(header?: Pick<NiftiHeader, "affineFrom" | "marks"> | null): Length {
  const mark = header?.marks?.find((one) => one in MARKED);
  if (mark) return MARKED[mark]!;
  return header?.affineFrom === "none" ? "unknown" : "mm";
}

/** Whether what is shown has sides: tomograms of a specimen have axes only. */
export const hasSides = (length: Length): boolean => length !== "angstrom";

/** How the header of a mask says what its lengths are; empty for millimetres. */
export const markOf = (length: Length): string =>
  Object.keys(MARKED).find((mark) => MARKED[mark] === length) ?? "";

/** "mm", "Å" or "px": for places and sizes of voxels. */
export const unitOf = (length: Length): string =>
  length === "angstrom" ? "Å" : length === "pixel" ? "px" : "mm";

/** Millimetres in the specimen that a unit of the world is; null where nobody knows. */
const MILLIMETRES: Record<Length, number | null> = {
  mm: 1,
  unknown: 1, // of a voxel the header still tells the size
  detector: 1,
  angstrom: 1e-7,
  pixel: null,
};

/** A length, an area (power 2) or a volume (3) of a grid in mm; null where it cannot be told. */
export function inMm(value: number | null, length: Length, power: 1 | 2 | 3): number | null {
  const known = MILLIMETRES[length];
  // A projection has no depth.
  if (value === null || known === null || (power === 3 && length === "detector")) return null;
  return known === 1 ? value : value * known ** power;
}

/** "23.4 mm", "12.3 nm", "10.0 × 6.2 mm"; without a known voxel size there are no millimetres. */
export function lengthText(values: number | readonly number[], length: Length = "mm"): string {
  const all = typeof values === "number" ? [values] : values;
  if (length === "unknown") return "no mm: voxel size unknown";
  const nano = length === "angstrom" && Math.max(...all) >= NANOMETRES_FROM;
  const text = all.map((value) => (nano ? value / 10 : value).toFixed(1)).join(" × ");
  if (length === "pixel") return `${text} px, no mm: spacing unknown`;
  if (length === "detector") return `${text} mm at the detector`;
  return `${text} ${nano ? "nm" : unitOf(length)}`;
}
