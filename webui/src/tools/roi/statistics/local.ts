// Statistics of images of this computer, which never leave it, by the rules of the service.
import { t } from "../../../core/strings";
import type { Layer, Length } from "../../../viewer";
import { inMm, lengthOf } from "../../../viewer";
import { count } from "../kernels/box";
import { parts } from "../kernels/components";
import { histogram, readInside, summary, type MeasureRules } from "../kernels/measure";
import type { ImageSource } from "../kernels/values";
import { hex, plainName } from "../packed";
import type { Roi } from "../roi.svelte";
import type { Row } from "./columns";

const NOTHING = {
  frame: 0,
  roi_frame: 0,
  n_voxels: 0,
  n_used: 0,
  n_slices: 0,
  length_unit: "mm",
  volume_ml: null,
  area_cm2: null,
  area_max_cm2: null,
  resampled: "",
};

/** One time point of an image; null while it is not in memory. */
function sourceOf({ volume }: Layer, frame: number): ImageSource | null {
  const { shape, affine, inverse, header } = volume!;
  const data = volume!.frameSamples(frame);
  return (
    data && { shape, affine, inverse, data, from: 0, slope: header.slope, inter: header.inter }
  );
}

/** Of the ROI when it says so, else of the image it is measured in. */
function unitOf(image: Layer, roi: Roi): Length {
  const own = roi.length === "unknown" ? "mm" : roi.length;
  const other = lengthOf(image.volume!.header);
  return own === "mm" && other !== "unknown" ? other : own;
}

/** Volume and areas in mL and cm², as the service gives them. */
function inUnits(found: ReturnType<typeof summary>, unit: Length) {
  return {
    ...found,
    length_unit: unit,
    volume_ml: inMm(found.volume_ml, unit, 3),
    area_cm2: inMm(found.area_cm2, unit, 2),
    area_max_cm2: inMm(found.area_max_cm2, unit, 2),
  };
}

/** Numbers of one ROI at one time point; the shorter of image and ROI is held at its last. */
function measured(image: Layer, roi: Roi, at: number, rules: MeasureRules, bins: number) {
  const frame = Math.min(at, image.volume!.frames - 1);
  const roi_frame = Math.min(at, roi.volume.frames - 1);
  const mask = roi.frameData(roi_frame);
  const source = sourceOf(image, frame);
  if (!source) return { frame, roi_frame };
  const read = readInside(source, roi.matrix, mask);
  const values = rules.zeros ? read.values.filter((v) => v !== 0) : read.values;
  return {
    ...inUnits(summary(read, roi.matrix, rules), unitOf(image, roi)),
    problem: "",
    frame,
    roi_frame,
    n_voxels: count(mask),
    components: parts(mask, roi.volume.shape).sizes.length,
    surface_mm2: null,
    histogram: bins ? histogram(values, bins) : null,
    resampled: read.resampled ? t("roistat_nearest") : "",
  };
}

function rowsOf(image: Layer, roi: Roi, head: Row, rules: MeasureRules, bins: number): Row[] {
  const volume = image.volume!;
  if (!volume.complete || volume.channels > 1) return [head];
  const frames = Math.max(volume.frames, roi.volume.frames);
  return Array.from({ length: frames }, (_, at) => ({
    ...head,
    ...measured(image, roi, at, rules, bins),
  }));
}

/** One row per ROI and time point. */
export function measureHere(
  image: Layer,
  id: number,
  among: readonly Roi[],
  rules: MeasureRules,
  bins = 0,
): Row[] {
  return among.flatMap((roi, roi_index) => {
    const whose = { image_id: id, image: image.label, psid: image.subject, roi_index };
    const named = { roi: plainName(roi), color: hex(roi.layer.colour), value: 1 };
    const head = { ...NOTHING, ...whose, ...named, roi_file_id: null };
    return rowsOf(image, roi, { ...head, problem: t("roistat_not_here") }, rules, bins);
  });
}
