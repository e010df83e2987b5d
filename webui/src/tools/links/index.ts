// Door of shared links: a panel in the dock, and the link that the address names.
import Share from "@lucide/svelte/icons/share-2";
import { registerActions } from "../../core/actions.svelte";
import { openTool, registerTool } from "../../core/dock.svelte";
import { followAddress } from "./links.svelte";
import LinksPanel from "./LinksPanel.svelte";
import { text } from "./strings";

export function install(): void {
  registerTool({ id: "links", title: text.title, icon: Share, panel: LinksPanel, order: 60 });
  registerActions([
    {
      id: "links.share",
      label: text.share,
      context: "global",
      group: "Images",
      run: () => openTool("links"),
    },
  ]);
  followAddress();
}
