// Keys of the autoloader: arrows walk, digits rate while quality control is on.
import type { Action } from "../../core/actions.svelte";
import { viewer } from "../../viewer";
import { takeSnapshot, toggle, toggleQuality } from "./menu";
import { quality } from "./qc.svelte";
import { auto } from "./state.svelte";
import { say, text } from "./strings";
import { relaunch, walk } from "./walking";

const GROUP = text.title;

/** Sliders, radio buttons and lists move with the arrows themselves. */
const OWN_ARROWS =
  "[type=range], [type=radio], [role=slider], [role=radio], [role=tab], [role=listbox], [role=separator]";
const free = (): boolean => auto.on && !document.activeElement?.matches(OWN_ARROWS);
const rating = (): boolean => auto.on && quality.on;

const one = (id: string, label: string, keys: string[], run: Action["run"]): Action => ({
  id: `autoload.${id}`,
  label,
  context: "reading",
  group: GROUP,
  keys,
  run,
});

function ratings(): Action[] {
  const marks = quality.marks.map((mark): Action => ({
    ...one(
      `rate.${mark.key}`,
      say("rate", { label: mark.label || mark.tag, tag: mark.tag }),
      [mark.key],
      // A key that is held rates one case and not all of them.
      (event) => void (event?.repeat || quality.rate(mark)),
    ),
    enabled: rating,
  }));
  const more = [
    one("unrate", text.unrate, ["0"], () => void quality.rate(null)),
    one("unrated", text.nextUnrated, ["Shift+Down"], () => void quality.unrated(1)),
    one("unratedBack", text.previousUnrated, ["Shift+Up"], () => void quality.unrated(-1)),
    one("undo", text.undoRating, ["Backspace"], () => void quality.undo()),
  ];
  return [...marks, ...more.map((action) => ({ ...action, enabled: rating }))];
}

export function autoloadActions(): Action[] {
  return [
    { ...one("next", text.next, ["Down"], () => void walk(1)), enabled: free },
    { ...one("previous", text.previous, ["Up"], () => void walk(-1)), enabled: free },
    ...ratings(),
    { ...one("on", text.on, [], toggle), context: "global" },
    { ...one("qc", text.qc, [], toggleQuality), context: "global" },
    {
      ...one("again", text.again, [], () => void relaunch()),
      context: "global",
      enabled: () => auto.current !== null,
    },
    {
      ...one("sheet", text.sheet, [], () => (auto.sheet = !auto.sheet)),
      context: "global",
      enabled: () => auto.on,
    },
    {
      ...one("snapshot", `${text.snapshot} (${text.smart})`, [], () => takeSnapshot("smart")),
      context: "global",
      enabled: () => viewer.layers.length > 0,
    },
    {
      ...one("sheet.close", text.sheetClose, ["Esc"], () => (auto.sheet = false)),
      keysOnly: true,
      enabled: () => auto.on && auto.sheet,
    },
  ];
}
