// Point ROIs of the sets in the images shown: their numbers as a table, and a ROI made of one.
import { inform } from "../../core/toast.svelte";
import type { Layer } from "../../viewer";
import { viewer } from "../../viewer";
import { encode } from "../roi/kernels/runs";
import { rois } from "../roi/rois.svelte";
import type { Point, SetData } from "./model";
import { mmOf, radiusOf } from "./model";
import type { Field, PointRoi } from "./pointroi";
import { pointRoi } from "./pointroi";
import { say, text } from "./strings";
import type { Table } from "./table";

/** Above this it counts, in values of the image; a point may have its own. */
export function thresholdOf(set: SetData, point?: Point): number {
  const told = Number(point?.["thresh"] ?? set.state["pointROIthresh"]);
  return Number.isFinite(told) ? told : 300;
}

export const hasPointRois = (sets: readonly SetData[]): boolean =>
  sets.some(({ type }) => type === "pointROI");

/** Images with one value a voxel; labels are no values. */
const images = (): Layer[] =>
  viewer.layers.filter(
    (layer) =>
      layer.isVolume &&
      layer.role !== "labels" &&
      layer.volume?.complete &&
      layer.volume.channels === 1,
  );

/** The image that is measured: that of the active viewport, else the first. */
export function measuredImage(): Layer | null {
  const all = images();
  return all.find((layer) => layer === viewer.activeViewport.base) ?? all[0] ?? null;
}

function fieldOf(layer: Layer): Field {
  const volume = layer.volume!;
  const frame = Math.min(layer.frame, volume.frames - 1);
  const { shape, affine, inverse } = volume;
  const value: Field["value"] = (voxel) => {
    const found = volume.value(voxel, frame);
    return typeof found === "number" ? found : null;
  };
  return { shape, affine, inverse, value };
}

export const measured = (layer: Layer, set: SetData, point: Point): PointRoi | null =>
  pointRoi(fieldOf(layer), mmOf(point), radiusOf(set, point), thresholdOf(set, point));

const COLUMNS = [
  "set",
  "point",
  "image",
  "above",
  "volume mL",
  "max diameter mm",
  "L1 mm",
  "L2 mm",
  "L3 mm",
  "surface mm²",
  "volume/surface mm",
  "sphericity",
  "median",
  "std",
];

/** One row for each point and image. */
export function pointRoiTable(sets: readonly SetData[]): Table {
  const rows = sets
    .filter(({ type }) => type === "pointROI")
    .flatMap((set) => set.points.map((point) => ({ set, point })))
    .flatMap(({ set, point }) =>
      images().map((layer) => {
        const head = [set.name, point.name, layer.label, thresholdOf(set, point)];
        const found = measured(layer, set, point);
        if (!found) return [...head, 0, ...Array.from({ length: 9 }, () => null)];
        const { volume_ml, diameter_mm, axes_mm, surface_mm2 } = found;
        const { volume_per_surface_mm, sphericity, median, std } = found;
        const form = [surface_mm2, volume_per_surface_mm, sphericity];
        return [...head, volume_ml, diameter_mm, ...axes_mm, ...form, median, std];
      }),
    );
  return { columns: COLUMNS, rows };
}

/** A ROI of what a point ROI holds, on the grid of its image. */
export function makeRoi(layer: Layer, set: SetData, point: Point): void {
  const found = measured(layer, set, point);
  if (!found) return void inform(say("pointRoiNone", { name: point.name }));
  const roi = rois.create(layer);
  if (!roi) return;
  rois.rename(roi, rois.uniqueName(point.name));
  const mask = new Uint8Array(roi.volume.voxelsPerFrame);
  for (const at of found.indices) mask[at] = 1;
  roi.flip(encode(mask), Math.min(layer.frame, roi.volume.frames - 1));
  inform(say("pointRoiMade", { name: roi.name }));
}

const format = (digits: number): ((value: number) => string) => {
  const told = new Intl.NumberFormat("en", { maximumSignificantDigits: digits });
  return (value) => told.format(value);
};
const [long, short] = [format(4), format(2)];

/** What is said of a point ROI in the list. */
export function factsOf(found: PointRoi | null): string {
  if (!found) return text.pointRoiEmpty;
  const { volume_ml, diameter_mm, sphericity, median, std } = found;
  return [
    `${long(volume_ml)} mL`,
    `⌀ ${long(diameter_mm)} mm`,
    `${text.sphericity} ${long(sphericity)}`,
    `${text.median} ${long(median)} ± ${short(std)}`,
  ].join(" · ");
}
