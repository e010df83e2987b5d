// Brings an unsaved ROI of an earlier visit back, with the image it belongs to.
import type { Layer } from "../../viewer";
import { viewer } from "../../viewer";
import type { Draft } from "./drafts";
import { decode } from "./kernels/runs";
import { voxels } from "./kernels/box";
import type { Roi } from "./roi.svelte";
import { rois } from "./rois.svelte";

/** The reference image, opened when it is not shown. */
async function templateOf({ reference }: Draft): Promise<Layer | null> {
  if (!reference) return null;
  const shown = viewer.layers.find((one) => one.row?.id === reference.id && !rois.byLayer(one));
  return shown ?? (await viewer.open(reference, "background"));
}

export async function recover(draft: Draft): Promise<Roi> {
  const { geometry, frames } = draft;
  // A mask that was edited is its own reference: it is brought back without opening the file.
  const template = draft.saved?.id === draft.reference?.id ? null : await templateOf(draft);
  const data = new Uint8Array(voxels(geometry.shape) * geometry.frames);
  const n = voxels(geometry.shape);
  frames.forEach((runs, f) => decode(runs, data.subarray(f * n, (f + 1) * n)));
  const roi = rois.add(draft.name, geometry, template, data);
  roi.reference = draft.reference;
  roi.referenceName = draft.referenceName;
  roi.ownGrid = draft.ownGrid;
  roi.saved = draft.saved;
  roi.layer.colour = draft.colour;
  roi.dirty = true;
  roi.changes++;
  rois.recovered = [...rois.recovered, draft.key];
  rois.replaces.set(roi, draft.key);
  return roi;
}
