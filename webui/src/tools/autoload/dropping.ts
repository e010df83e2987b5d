// A preset dragged from the list onto the images is loaded.
import { launch, presets } from "./presets.svelte";

export const PRESET_MIME = "application/x-nora-preset";

const isPreset = (event: DragEvent): boolean =>
  event.dataTransfer?.types.includes(PRESET_MIME) ?? false;
const overImages = (event: DragEvent): boolean =>
  event.target instanceof Element && event.target.closest("[data-keys=viewer]") !== null;

/** Listen before the viewports do: they know files and layers only. */
export function takeDrops(): () => void {
  const over = (event: DragEvent): void => {
    if (!isPreset(event) || !overImages(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const drop = (event: DragEvent): void => {
    if (!isPreset(event) || !overImages(event)) return;
    event.preventDefault();
    event.stopPropagation();
    const key = event.dataTransfer?.getData(PRESET_MIME);
    const row = presets.rows?.find((one) => one.key === key);
    if (row) void launch(row);
  };
  addEventListener("dragenter", over, true);
  addEventListener("dragover", over, true);
  addEventListener("drop", drop, true);
  return () => {
    removeEventListener("dragenter", over, true);
    removeEventListener("dragover", over, true);
    removeEventListener("drop", drop, true);
  };
}
