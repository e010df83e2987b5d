// Door of the tool that leads from a voxel to its stored value: a panel in the dock.
import FileSearch from "@lucide/svelte/icons/file-search";
import { registerActions } from "../../core/actions.svelte";
import { openTool, registerTool } from "../../core/dock.svelte";
import SourcePanel from "./SourcePanel.svelte";
import { text } from "./strings";

export function install(): void {
  registerTool({
    id: "source",
    title: text.title,
    icon: FileSearch,
    panel: SourcePanel,
    order: 65,
  });
  registerActions([
    {
      id: "source.open",
      label: text.where,
      context: "global",
      group: "Images",
      run: () => openTool("source"),
    },
  ]);
}
