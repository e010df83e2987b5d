// Images dropped on the tool: the hand of a viewbar, a file of the table or of this computer (ROI-30).
import { openMenuAt } from "../../core/menu.svelte";
import { t } from "../../core/strings";
import { complain, inform } from "../../core/toast.svelte";
import type { FileRow } from "../../core/types";
import { FILE_MIME } from "../../core/viewing.svelte";
import { carried, LAYER, viewer, type Layer } from "../../viewer";
import { creationItems } from "./creating";
import { rois } from "./rois.svelte";

export const takes = (event: DragEvent): boolean =>
  [LAYER, FILE_MIME, "Files"].some((type) => event.dataTransfer?.types.includes(type));

/** A shown image, opened when it is not shown yet. */
async function opened(row: FileRow): Promise<Layer> {
  const shown = viewer.layers.find((one) => one.row?.id === row.id);
  if (shown) return shown;
  const mask = ["mask", "labels"].includes(row.kind) || row.tags.includes("mask");
  return viewer.open(row, mask ? "roi" : undefined);
}

/** Ask how the ROI is to be made; a mask is one already. */
function choose(layer: Layer, x: number, y: number): void {
  const roi = rois.byLayer(layer);
  if (roi) return rois.select(roi);
  if (!layer.isVolume || !layer.volume) return void inform(t("roi_drop_unfit"));
  openMenuAt(x, y, creationItems(layer), t("roi_new_from"));
}

/** What was dropped has to be read before the first wait: it dies with the event. */
export async function dropOnTool(event: DragEvent): Promise<void> {
  event.preventDefault();
  event.stopPropagation();
  const { clientX, clientY, dataTransfer } = event;
  const moved = carried(event);
  const json = dataTransfer?.getData(FILE_MIME);
  const file = dataTransfer?.files[0];
  try {
    const layer = moved
      ? viewer.layers.find((one) => one.id === moved.layer)
      : json
        ? await opened(JSON.parse(json) as FileRow)
        : file && (await viewer.openLocal(file));
    if (layer) choose(layer, clientX, clientY);
  } catch (error) {
    complain(error);
  }
}
