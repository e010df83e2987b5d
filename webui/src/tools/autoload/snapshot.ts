// A snapshot: what is shown now, as a preset that shows the same of other cases.
import type { FileRow } from "../../core/types";
import { Layer, viewer } from "../../viewer";
import { markers } from "../markers/markers.svelte";
import { rois } from "../roi/rois.svelte";
import { intentOf } from "./looking";
import {
  emptyPreset,
  entryOf,
  patternOf,
  studiesOf,
  type Entry,
  type How,
  type Preset,
  type Shown,
} from "./preset";

const shownOf = (row: FileRow): Shown => ({ path: row.path, psid: row.psid, tags: row.tags });

/** The case in sight: that of the first image that belongs to one. */
export function shownCase(): string {
  const rows = viewer.layers.flatMap((layer) => (layer.row?.psid ? [layer.row.psid] : []));
  return rows[0] ?? "";
}

function placesOf(layer: Layer): number[] {
  if (viewer.shared) return [];
  return viewer.viewports.flatMap((one, i) => (one.layers.includes(layer) ? [i] : []));
}

function entryFor(layer: Layer, how: How, psid: string): Entry {
  const row = layer.row as FileRow;
  const viewports = placesOf(layer);
  const intent = intentOf(layer, new Layer({ row }, layer.role).look);
  const slicing = viewports.map((i) => viewer.viewports[i]!.kind);
  const file = shownOf(row);
  return {
    ...entryOf(patternOf(file, how), { ...intent, slicing }),
    studies: studiesOf(file, psid),
    viewports,
  };
}

/** A drawing that is no file yet: the next case gets an empty one like it. */
function drawnEntry(layer: Layer, entries: readonly Entry[], shown: readonly Layer[]): Entry[] {
  const roi = rois.byLayer(layer);
  if (!roi) return [];
  const grid = shown.findIndex((one) => one.row?.id === roi.reference?.id);
  if (grid < 0 || grid >= entries.length) return [];
  const usual = new Layer({ made: layer.name, subject: "" }, "labels").look;
  const name = roi.name.includes(".") ? roi.name : `${roi.name}.nii.gz`;
  return [
    {
      ...entryOf(name.replace(/\.gz$/, ""), intentOf(layer, usual)),
      viewports: placesOf(layer),
      intent: {
        ...entryOf("", intentOf(layer, usual)).intent,
        name,
        autocreateroi: grid,
      },
    },
  ];
}

/** Files of markers that are open: the next case shows its own ones. */
const annotationEntries = (how: How, psid: string): Entry[] =>
  markers.files.flatMap(({ saved, study }) =>
    saved && study
      ? [
          entryOf(patternOf({ path: saved.path, psid: study.psid || psid, tags: [] }, how), {
            annotation: true,
          }),
        ]
      : [],
  );

/** Files of this computer and drawings without an image are left out; `left` names them. */
export function snapshot(how: How, before: Preset): { preset: Preset; left: string[] } {
  const psid = shownCase();
  const stored = viewer.layers.filter((layer) => layer.row?.psid);
  const entries = stored.map((layer) => entryFor(layer, how, psid));
  const drawn = viewer.layers
    .filter((layer) => layer.row === null)
    .map((layer) => ({ layer, made: drawnEntry(layer, entries, stored) }));
  const { master } = viewer;
  const preset: Preset = {
    ...emptyPreset(),
    entries: [...entries, ...drawn.flatMap(({ made }) => made), ...annotationEntries(how, psid)],
    level: before.level,
    keep_position: before.keep_position,
    rating: before.rating,
    calcpanel: before.calcpanel,
    main_viewport: master ? viewer.viewports.findIndex((one) => one.layers.includes(master)) : -1,
    view: {
      layout: viewer.layoutName,
      kinds: viewer.viewports.map(({ kind }) => kind),
      linked: viewer.link,
    },
  };
  const left = drawn.filter(({ made }) => made.length === 0).map(({ layer }) => layer.label);
  return { preset, left };
}
