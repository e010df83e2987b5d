// What a file becomes when it is opened, judged by its kind or its name.
import type { Role } from "./types";

/** Kind of a local file by its name, in the words of the service. */
export function kindOfName(name: string): string {
  if (/\.(gii|stl|obj|ply|mz3|pial|white|inflated|orig|smoothwm|sphere)(\.gz)?$/i.test(name))
    return "surface";
  if (/\.(tck|trk|trx|tt)(\.gz)?$/i.test(name)) return "streamlines";
  if (/(^|[_.-])(mask|roi|seg|lesion)s?([_.-]|$)/i.test(name)) return "mask";
  if (/(^|[_.-])(labels?|atlas|parc|aseg|dseg)([_.-]|$)/i.test(name)) return "labels";
  return "image";
}

/** DICOM objects carry an ending, an identifier or a number. */
const DICOM = /^(.+\.(dcm|ima|dicom)|(i|im|img|image|mr|ct|pt|us|cr|dx|xa|nm)?[-_.]?\d[\d._-]*)$/i;
export const isDicomName = (name: string): boolean => DICOM.test(name);

/** Images that are read in the page. */
export const isImageName = (name: string): boolean =>
  /\.(nii(\.gz)?|mg[hz]|nrrd|(mrc|map|rec|st|ali)(\.gz)?)$/i.test(name) || isDicomName(name);

/** Whether the viewer can show a local file at all. */
export const isReadable = (name: string): boolean =>
  isImageName(name) || ["surface", "streamlines"].includes(kindOfName(name));

export function roleFor(kind: string, hasBackground: boolean): Role {
  if (kind === "surface") return "surface";
  if (kind === "streamlines") return "streamlines";
  if (kind === "mask" || kind === "labels") return hasBackground ? "labels" : "background";
  return "background";
}
