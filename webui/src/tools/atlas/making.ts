// ROIs out of labels of an atlas, on exactly its grid.
import { openTool } from "../../core/dock.svelte";
import { inform } from "../../core/toast.svelte";
import { rois } from "../roi/rois.svelte";
import type { Atlas } from "./atlases.svelte";
import { fill, text } from "./strings";

const rgb = (colour: string): [number, number, number] =>
  [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)) as [number, number, number];

/** One ROI of one or several labels. */
export function roiFrom(atlas: Atlas, values: readonly number[], name: string): void {
  const { layer } = atlas;
  const { shape, affine, header } = layer.volume!;
  const geometry = { shape, affine, frames: 1, frameSeconds: header.frameSeconds, raw: header.raw };
  const roi = rois.add(rois.uniqueName(name), geometry, layer, atlas.mask(values));
  const colour = values.length === 1 ? atlas.colours.get(values[0]!) : undefined;
  if (colour) roi.layer.colour = rgb(colour);
  roi.recount();
  roi.dirty = true;
  openTool("roi");
  inform(fill(text.made, { name: roi.name }));
}
