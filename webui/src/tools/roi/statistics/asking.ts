// Which images and ROIs are shown, as the service measures them; local images stay in the page.
import { api, path } from "../../../core/api";
import type { FileRow, Schema } from "../../../core/types";
import type { Layer } from "../../../viewer";
import { viewer } from "../../../viewer";
import type { MeasureRules } from "../kernels/measure";
import { hex, packedVoxels, placed, plainName } from "../packed";
import { rois } from "../rois.svelte";
import type { Roi } from "../roi.svelte";
import { settings } from "../settings.svelte";
import type { Row } from "./columns";
import { percentilesOf } from "./columns";
import { measureHere } from "./local";

/** A ROI by its file, or as it is drawn. */
interface AskedRoi {
  file_id?: number | null;
  value?: number | null;
  name?: string;
  color?: string;
  n_frames?: number;
  packing?: "bits";
  data?: string;
  reference_id?: number | null;
  grid?: object | null;
}

interface Rules {
  exclude_zeros: boolean;
  nora: boolean;
  percentiles: number[];
  components: boolean;
  surface: boolean;
}

export interface Measured {
  rows: Row[];
  notes: string[];
}

/** What was asked: kept, so that the histogram of a row and the saved document are of the same. */
export interface Question {
  images: Layer[];
  local: Layer[];
  drawn: Roi[];
  rois: AskedRoi[];
  rules: Rules;
}

const BINS = 48;

/** Images and overlays of all viewports, each once; ROIs and label maps are what is measured in. */
export function shownImages(): Layer[] {
  const images = viewer.layers.filter(
    (one) => one.isVolume && one.role !== "labels" && one.volume && !rois.byLayer(one),
  );
  return images.filter(
    (one, i) => !one.row || images.findIndex((other) => other.row?.id === one.row!.id) === i,
  );
}

/** Label maps that are no ROI: every label is measured by itself. */
const labelMaps = (): Layer[] =>
  viewer.layers.filter((one) => one.role === "labels" && one.row && !rois.byLayer(one));

export const isAnything = (): boolean =>
  shownImages().length > 0 && rois.list.length + labelMaps().length > 0;

async function asked(roi: Roi): Promise<AskedRoi> {
  const color = hex(roi.layer.colour);
  const name = plainName(roi);
  if (roi.saved && !roi.dirty) return { file_id: roi.saved.id, value: 0, name, color };
  const data = await packedVoxels(roi);
  const n_frames = roi.volume.frames;
  return { name, color, n_frames, packing: "bits", data, ...placed(roi) };
}

export async function question(): Promise<Question> {
  const images = shownImages();
  const maps = labelMaps().map((one): AskedRoi => ({ file_id: one.row!.id, value: null }));
  return {
    images: images.filter((one) => one.row),
    local: images.filter((one) => !one.row),
    drawn: rois.list,
    rois: [...(await Promise.all(rois.list.map(asked))), ...maps],
    rules: {
      exclude_zeros: settings.statZeros,
      nora: settings.statNora,
      percentiles: percentilesOf(settings.statPercentiles) ?? [],
      components: true,
      surface: true,
    },
  };
}

const hereRules = ({ rules }: Question): MeasureRules => ({
  zeros: rules.exclude_zeros,
  nora: rules.nora,
  percentiles: rules.percentiles,
});

const idsOf = (images: readonly Layer[]): number[] => images.map((one) => one.row!.id);

const body = (asked: Question, images: readonly Layer[] = asked.images): object => ({
  images: idsOf(images),
  rois: asked.rois,
  ...asked.rules,
});

export async function measure(asked: Question, signal: AbortSignal): Promise<Measured> {
  const none: Measured = { rows: [], notes: [] };
  const told = asked.images.length
    ? await api.post<Measured>("/rois/statistics", body(asked), {}, signal)
    : none;
  const names = new Map(asked.images.map((one) => [one.row!.id, one.label]));
  const rows = told.rows.map((row) => ({ ...row, image: names.get(row.image_id) ?? row.image }));
  const here = asked.local.flatMap((image, i) =>
    measureHere(image, -1 - i, asked.drawn, hereRules(asked)),
  );
  return { rows: [...rows, ...here], notes: told.notes };
}

/** The histogram of one row, asked for when the row is looked at. */
export async function histogramOf(asked: Question, row: Row, signal: AbortSignal) {
  if (row.image_id < 0) return measuredHistogram(asked, row);
  const roi = roiOf(asked, row);
  if (!roi) return null;
  const only = { images: [row.image_id], rois: [roi], frames: [row.frame] };
  const cheap = { histogram_bins: BINS, components: false, surface: false };
  const wanted = { ...body(asked), ...only, ...cheap };
  const told = await api.post<Measured>("/rois/statistics", wanted, {}, signal);
  return told.rows[0]?.histogram ?? null;
}

function measuredHistogram(asked: Question, row: Row) {
  const image = asked.local[-1 - row.image_id];
  const roi = asked.drawn[row.roi_index];
  if (!image || !roi) return null;
  const rows = measureHere(image, row.image_id, [roi], hereRules(asked), BINS);
  return rows.find((one) => one.frame === row.frame)?.histogram ?? null;
}

/** Rows count the ROIs one by one, also the labels of a map: drawn ones come first. */
function roiOf(asked: Question, row: Row): AskedRoi | null {
  if (row.roi_index < asked.drawn.length) return asked.rois[row.roi_index] ?? null;
  return { file_id: row.roi_file_id, value: row.value };
}

/** Studies of the images measured: numbers are saved where their images are. */
export function studiesOf(asked: Question): Map<number, Layer[]> {
  const found = new Map<number, Layer[]>();
  for (const image of asked.images) {
    const study = (image.row as FileRow | null)?.study_id;
    if (study) found.set(study, [...(found.get(study) ?? []), image]);
  }
  return found;
}

export type SavedStatistics = Schema["SavedFile"];

/** Save the numbers as a META document of a study, for the catalog to query. */
export function saveDocument(
  asked: Question,
  study: number,
  images: readonly Layer[],
  how: { path: string; version: string | null; if_changed: "refuse" | "replace" | "new_name" },
): Promise<SavedStatistics> {
  const wanted = { ...body(asked, images), ...how };
  return api.post<SavedStatistics>(path("studies", study, "rois", "statistics"), wanted);
}
