// Actions of measuring, pictures and the settings window.
import type { Action } from "../core/actions.svelte";
import { openDialog } from "../core/dialogs.svelte";
import { measuring } from "./measuring";
import SettingsDialog from "./SettingsDialog.svelte";

type Picture = (how: "save" | "copy", all: boolean) => void;

export function toolActions(picture: Picture): Action[] {
  const one = (id: string, label: string, keys: string[], run: () => void): Action => ({
    id: `viewer.${id}`,
    label,
    context: "viewer",
    group: "Images",
    keys,
    run,
  });
  return [
    one("settings", "Settings of the viewer", ["s"], () => openDialog(SettingsDialog, {})),
    one("ruler", "Ruler", ["u"], () => measuring.choose("ruler")),
    one("angle", "Angle", ["Shift+U"], () => measuring.choose("angle")),
    {
      ...one("measure.off", "Stop measuring", ["Esc"], () => measuring.choose(null)),
      enabled: () => measuring.kind !== null,
      keysOnly: true,
    },
    one("measure.clear", "Remove all rulers and angles", [], () => measuring.clear()),
    one("picture", "Picture of this viewport", [], () => picture("save", false)),
    one("picture.all", "Picture of all viewports", [], () => picture("save", true)),
    one("picture.copy", "Copy this viewport as a picture", ["Ctrl+Shift+C"], () =>
      picture("copy", false),
    ),
  ];
}
