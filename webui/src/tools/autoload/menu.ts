// The menu of the autoloader: on and off, snapshots, editing, and the presets of the project.
import Camera from "@lucide/svelte/icons/camera";
import Pencil from "@lucide/svelte/icons/pencil";
import Refresh from "@lucide/svelte/icons/refresh-cw";
import Save from "@lucide/svelte/icons/save";
import { openTool } from "../../core/dock.svelte";
import type { MenuItem } from "../../core/menu.svelte";
import { attempt, inform } from "../../core/toast.svelte";
import { viewer } from "../../viewer";
import type { How } from "./preset";
import { launch, presets, update } from "./presets.svelte";
import { quality } from "./qc.svelte";
import { shownCase, snapshot } from "./snapshot";
import { auto } from "./state.svelte";
import { say, text } from "./strings";
import { forgetCases, relaunch, switchOff, switchOn } from "./walking";

/** What is shown becomes what is loaded; the images stay as they are. */
export function takeSnapshot(how: How): void {
  if (!viewer.layers.some((layer) => layer.row?.psid)) return void inform(text.nothingShown);
  const { preset, left } = snapshot(how, auto.preset);
  auto.use(preset, auto.row, true);
  forgetCases();
  inform(left.length ? say("leftOut", { names: left.join(", ") }) : text.took);
  if (!auto.on && shownCase()) void switchOn();
  else void relaunch();
}

export const toggle = (): void => (auto.on ? switchOff() : void switchOn());

/** Quality control needs something to look at: without entries the view in sight is taken. */
export function toggleQuality(): void {
  quality.on = !quality.on;
  if (!quality.on) return;
  if (auto.preset.entries.length === 0 && shownCase()) takeSnapshot("smart");
  else if (!auto.on) void switchOn();
}

const edit = (): void => openTool("autoload");

function saving(): MenuItem[] {
  const { row } = auto;
  const none = auto.preset.entries.length === 0;
  const save: MenuItem[] = row?.may_change
    ? [
        {
          label: text.save,
          detail: row.name,
          icon: Save,
          disabled: !auto.changed,
          run: () => void attempt(() => update(row, { preset: auto.preset })),
        },
      ]
    : [];
  return [
    { label: text.edit, icon: Pencil, separate: true, run: edit },
    ...save,
    { label: text.saveAs, icon: Save, disabled: none, run: edit },
  ];
}

function snapshots(): MenuItem[] {
  const hows: [How, string][] = [
    ["smart", text.smart],
    ["strict", text.strict],
    ["tags", text.tags],
  ];
  return [
    { label: text.snapshot, heading: true, separate: true },
    ...hows.map(([how, label]) => ({ label, icon: Camera, run: () => takeSnapshot(how) })),
  ];
}

function loading(): MenuItem[] {
  const rows = presets.rows ?? [];
  return [
    { label: text.presets, heading: true, separate: true },
    ...rows.map((row) => ({
      label: row.name,
      detail: row.owner,
      checked: row.key === auto.row?.key,
      run: () => void launch(row),
    })),
    ...(rows.length === 0 ? [{ label: text.none, disabled: true }] : []),
  ];
}

export const menuItems = (): MenuItem[] => [
  { label: text.on, checked: auto.on, run: toggle },
  { label: text.qc, checked: quality.on, title: text.qcHint, run: toggleQuality },
  { label: text.again, icon: Refresh, disabled: !auto.current, run: () => void relaunch() },
  ...snapshots(),
  ...saving(),
  ...loading(),
];
