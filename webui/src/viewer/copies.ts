// What the painter keeps on the device: slabs and whole volumes, and whether they still are true.
import type { Content } from "./content";
import type { DrawLayer } from "./scene";
import type { Placed, VolumeTexture } from "./texture";
import type { Volume } from "./volume";

export interface SlabSlot {
  placed: Placed;
  key: string;
  revision: number;
  /** What can be seen of it: null is nothing, undefined is not known. */
  content: Content | null | undefined;
  least: number | null;
}

/** Slices of a volume that a plane along its grid needs. */
export interface Cut {
  axis: number;
  first: number;
  depth: number;
}

/** A volume on the device, and the revision of the samples it shows. */
export interface WholeCopy {
  key: string;
  revision: number;
  texture: VolumeTexture;
}

/** Bring a copy up to date box by box; false when it has to be made anew. */
export function renewed(copy: WholeCopy, volume: Volume): boolean {
  const edits = copy.revision === volume.revision ? [] : volume.editsSince(copy.revision);
  if (!edits?.every((box) => copy.texture.renew(box))) return false;
  copy.revision = volume.revision;
  return true;
}

/** A slab is still true when nothing inside it has changed. */
export function untouched(slot: SlabSlot, { volume, frame }: DrawLayer, cut: Cut): boolean {
  if (slot.revision === volume.revision) return true;
  const edits = volume.editsSince(slot.revision);
  const last = cut.first + cut.depth - 1;
  const hit = edits?.some(
    ({ low, high, frame: of }) =>
      of === frame && high[cut.axis]! >= cut.first && low[cut.axis]! <= last,
  );
  if (hit ?? true) return false;
  slot.revision = volume.revision;
  return true;
}
