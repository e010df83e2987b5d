// Door of the ROI tool: puts itself into dock, viewbars, viewports and the table of actions.
import PaintBucket from "@lucide/svelte/icons/square-dashed-mouse-pointer";
import Pencil from "@lucide/svelte/icons/pencil";
import { registerActions } from "../../core/actions.svelte";
import { openTool, registerTool } from "../../core/dock.svelte";
import { openMenuBelow } from "../../core/menu.svelte";
import { t } from "../../core/strings";
import type { Layer, LayerAction } from "../../viewer";
import { registerLayerActions, registerOverlay, registerPointer, viewer } from "../../viewer";
import { roiActions } from "./actions";
import { creationItems } from "./creating";
import { askBeforeLeaving, startKeeping } from "./keeping.svelte";
import { roiPointer } from "./pointer";
import RoiOverlay from "./RoiOverlay.svelte";
import RoiPanel from "./RoiPanel.svelte";
import { rois } from "./rois.svelte";

/** The pencil on a ROI's bar, and the ways to make a ROI on an image's bar (ROI-15, -32). */
function layerActions(layer: Layer): LayerAction[] {
  const roi = rois.byLayer(layer);
  if (roi) {
    const pressed = rois.current === roi && rois.drawing;
    const label = t(pressed ? "roi_current_off" : "roi_current");
    const run = (): void => {
      rois.pencil(roi);
      openTool("roi");
    };
    return [{ id: "roi.pencil", label, icon: Pencil, pressed, run }];
  }
  if (!layer.isVolume || layer.role === "labels" || !layer.volume) return [];
  const make = (event: MouseEvent): void => {
    openTool("roi");
    openMenuBelow(event.currentTarget as HTMLElement, creationItems(layer), t("roi_new_from"));
  };
  return [{ id: "roi.new", label: t("roi_new_from"), icon: PaintBucket, run: make }];
}

export function install(): void {
  registerTool({
    id: "roi",
    title: t("roi_tool"),
    long: t("roi_tool_long"),
    icon: Pencil,
    panel: RoiPanel,
    tint: "--roi",
    key: "d",
    order: 20,
  });
  registerActions(roiActions());
  registerOverlay(RoiOverlay);
  registerLayerActions(layerActions);
  registerPointer(roiPointer);
  viewer.onRole = (layer) => rois.take(layer);
  for (const layer of viewer.layers) if (layer.role === "labels") rois.take(layer);
  startKeeping();
  askBeforeLeaving();
}
