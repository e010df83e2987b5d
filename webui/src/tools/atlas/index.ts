// Door of the atlas tool: a panel in the dock, a button on the bars of label maps.
import { mount } from "svelte";
import MapIcon from "@lucide/svelte/icons/map";
import { registerActions } from "../../core/actions.svelte";
import { openTool, registerTool } from "../../core/dock.svelte";
import { registerLayerActions } from "../../viewer";
import AtlasPanel from "./AtlasPanel.svelte";
import AtlasWatch from "./AtlasWatch.svelte";
import { isAtlas } from "./atlases.svelte";
import { text } from "./strings";

export function install(): void {
  registerTool({
    id: "atlas",
    title: text.title,
    icon: MapIcon,
    panel: AtlasPanel,
    tint: "--roi",
    order: 25,
  });
  registerLayerActions((layer) =>
    isAtlas(layer)
      ? [{ id: "atlas", label: text.open, icon: MapIcon, run: () => openTool("atlas") }]
      : [],
  );
  registerActions([
    {
      id: "atlas.open",
      label: text.open,
      context: "global",
      group: "Images",
      run: () => openTool("atlas"),
    },
  ]);
  mount(AtlasWatch, { target: document.body });
}
