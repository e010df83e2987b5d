// Door of the autoloader: the same of every case, case after case, and their ratings.
import ListVideo from "@lucide/svelte/icons/list-video";
import { registerTool } from "../../core/dock.svelte";
import { on } from "../../core/events.svelte";
import { plugInto } from "../../core/slots.svelte";
import { presetCalls } from "../links/calls";
import AutoloadMenu from "./AutoloadMenu.svelte";
import AutoloadPanel from "./AutoloadPanel.svelte";
import CaseBar from "./CaseBar.svelte";
import { followCohort } from "./cohort.svelte";
import { takeDrops } from "./dropping";
import { call, follow } from "./following.svelte";
import { quality } from "./qc.svelte";
import Sheet from "./Sheet.svelte";
import { text } from "./strings";
import { forgetCases } from "./walking";

export function install(): void {
  registerTool({
    id: "autoload",
    title: text.short,
    icon: ListVideo,
    panel: AutoloadPanel,
    order: 55,
  });
  plugInto("toolbar", AutoloadMenu);
  plugInto("strip", CaseBar);
  plugInto("cover", Sheet);
  presetCalls.open = call;
  follow();
  followCohort();
  quality.follow();
  on("files.changed", forgetCases);
  takeDrops();
}
