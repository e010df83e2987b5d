// Versions in the viewer: one as a ROI of its own, two as what only one of them holds.
import { t } from "../../../core/strings";
import { inform } from "../../../core/toast.svelte";
import { Layer, viewer } from "../../../viewer";
import { history } from "../../history.svelte";
import { differing } from "../kernels/runs";
import { sameGrid } from "../kernels/values";
import { plainName } from "../packed";
import { maskVolume, type Roi } from "../roi.svelte";
import { rois, worldOf } from "../rois.svelte";
import { flipStep } from "../stroke";
import { load, restore, type Chosen, type Loaded } from "./client";

const ONLY_A = [230, 85, 60] as const;
const ONLY_B = [70, 150, 255] as const;

const placesOf = (roi: Roi) => {
  const places = viewer.viewports.filter((one) => one.layers.includes(roi.layer));
  return places.length ? places : viewer.viewports;
};

/** A layer that is looked at and not drawn on. */
function lookAt(roi: Roi, name: string, { geometry, data }: Loaded, colour: readonly number[]) {
  const layer = new Layer({ made: name, subject: roi.layer.subject }, "labels");
  viewer.adopt(layer, maskVolume(name, geometry, data), placesOf(roi));
  layer.colour = [colour[0]!, colour[1]!, colour[2]!];
}

/** An earlier version as a ROI beside the present one. */
export async function openVersion(roi: Roi, n: number): Promise<void> {
  const { geometry, data } = await load({ file_id: roi.saved!.id, kept: n });
  const name = rois.uniqueName(`${plainName(roi)}_v${n}`);
  const raw = sameGrid(maskVolume(name, geometry), roi.matrix) ? roi.volume.header.raw : undefined;
  const made = rois.add(name, { ...geometry, raw }, null, data);
  made.reference = roi.reference;
  made.referenceName = roi.referenceName;
  made.ownGrid = roi.ownGrid;
}

export interface Named {
  chosen: Chosen;
  name: string;
}

/** Two masks of one grid: red what only the first has, blue what only the second has. */
export async function showDifference(roi: Roi, a: Named, b: Named): Promise<void> {
  const [one, two] = await Promise.all([load(a.chosen), load(b.chosen)]);
  const only = (x: Uint8Array, y: Uint8Array) => x.map((v, i) => v & (1 - (y[i] ?? 0)));
  const told = (name: string): string => t("roiver_only", { name });
  lookAt(roi, told(a.name), { ...one, data: only(one.data, two.data) as never }, ONLY_A);
  lookAt(roi, told(b.name), { ...two, data: only(two.data, one.data) as never }, ONLY_B);
}

/** Go to a slice of the grid of a ROI. */
export function goToSlice(roi: Roi, k: number): void {
  const [nx, ny] = roi.volume.shape;
  const box = roi.bounds();
  const middle = (a: 0 | 1, n: number): number =>
    box ? (box.low[a] + box.high[a]) / 2 : (n - 1) / 2;
  viewer.setCrosshair(worldOf(roi, [middle(0, nx), middle(1, ny), k]));
}

/** Make an earlier version the newest, in the file and in the viewer; drawing can be undone. */
export async function bringBack(roi: Roi, n: number): Promise<void> {
  const saved = roi.saved!;
  const { file } = await restore(saved.id, n, saved.version);
  const { geometry, data } = await load({ file_id: saved.id, kept: null });
  const volume = maskVolume(roi.name, geometry);
  if (!sameGrid(volume, roi.matrix)) return void inform(t("roiver_other_grid"));
  const size = roi.volume.voxelsPerFrame;
  for (let frame = 0; frame < roi.volume.frames; frame++) {
    const runs = differing(roi.frameData(frame), data.subarray(frame * size, (frame + 1) * size));
    if (!runs.length) continue;
    roi.flip(runs, frame);
    history.push(flipStep(t("roiver_step", { n, name: roi.name }), frame, [{ roi, runs }]));
  }
  roi.saved = { id: file.id, path: file.path, version: file.version };
  roi.dirty = false;
  inform(t("roiver_restored", { n }));
}
