// The batch panel as a tool of the right dock.
import ListPlus from "@lucide/svelte/icons/list-plus";
import type { DockTool } from "../core/dock.svelte";
import { t } from "../core/strings";
import BatchPanel from "./BatchPanel.svelte";

export const batchTool: DockTool = {
  id: "batch",
  title: t("batch"),
  icon: ListPlus,
  panel: BatchPanel,
  key: "b",
  order: 80,
};
