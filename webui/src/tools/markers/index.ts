// Door of the marker tool: puts itself into dock, viewports, files and the table of actions.
import MapPin from "@lucide/svelte/icons/map-pin";
import { registerActions } from "../../core/actions.svelte";
import { registerTool } from "../../core/dock.svelte";
import { registerOpener } from "../../core/viewing.svelte";
import { registerOverlay, registerOverlay3d, registerPanel, registerPointer } from "../../viewer";
import { registerPart } from "../links/parts";
import { markerActions } from "./actions";
import { askBeforeLeaving, startKeeping } from "./keeping.svelte";
import MarkerOverlay from "./MarkerOverlay.svelte";
import MarkerOverlay3d from "./MarkerOverlay3d.svelte";
import MarkerPanel from "./MarkerPanel.svelte";
import NearList from "./NearList.svelte";
import { opener } from "./opening";
import { markerPointer } from "./pointer";
import { inLinks } from "./sharing";
import { text } from "./strings";

export function install(): void {
  registerTool({
    id: "markers",
    title: text.title,
    long: text.tool,
    icon: MapPin,
    panel: MarkerPanel,
    tint: "--marker",
    key: "k",
    order: 30,
  });
  registerActions(markerActions());
  registerOverlay(MarkerOverlay);
  registerOverlay3d(MarkerOverlay3d);
  registerPanel(NearList);
  registerPointer(markerPointer);
  registerOpener(opener);
  registerPart("markers", inLinks);
  startKeeping();
  askBeforeLeaving();
}
