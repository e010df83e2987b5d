// New ROIs: from nothing or from a threshold, always on the grid of a named image.
import type { MenuItem } from "../../core/menu.svelte";
import { openMenuAt } from "../../core/menu.svelte";
import { t } from "../../core/strings";
import { inform } from "../../core/toast.svelte";
import type { Layer } from "../../viewer";
import { viewer } from "../../viewer";
import { sameGrid } from "./kernels/values";
import { rois } from "./rois.svelte";

/** Images that can give a ROI its grid: what is shown and is no ROI itself. */
export function templates(): Layer[] {
  const images = viewer.layers.filter((one) => one.isVolume && one.volume && !rois.byLayer(one));
  const backgrounds = images.filter((one) => one.role === "background");
  return backgrounds.length ? backgrounds : images;
}

const number = (value: number): string => String(Number(value.toPrecision(4)));

/** The three ways to make a ROI from an image. */
export function creationItems(template: Layer): MenuItem[] {
  const limit = number(template.limits.low);
  return [
    { label: t("roi_new_empty"), run: () => draw(template, "empty") },
    { label: t("roi_new_above", { limit }), run: () => draw(template, "above") },
    { label: t("roi_new_below", { limit }), run: () => draw(template, "below") },
  ];
}

function draw(template: Layer, kind: "empty" | "above" | "below"): void {
  if (rois.create(template, kind)) rois.drawing = true;
}

export function newMenu(): MenuItem[] {
  const all = templates();
  if (!all.length) return [{ label: t("roi_wait_image"), disabled: true }];
  return all.flatMap((template, i): MenuItem[] => [
    { label: t("roi_new_on", { name: template.label }), heading: true, separate: i > 0 },
    ...creationItems(template),
  ]);
}

/** An empty ROI when it is clear on which grid; else the images are offered. */
export function newRoi(): void {
  const all = templates();
  const active = viewer.activeViewport.base;
  const first = all.find((one) => one === active) ?? all[0];
  if (!first?.volume) return void inform(t("roi_wait_image"));
  const same = all.every((one) => one.volume && sameGrid(one.volume, first.volume!));
  if (same) return draw(first, "empty");
  inform(t("roi_need_template"));
  openMenuAt(80, 120, newMenu(), t("roi_new_menu"));
}
