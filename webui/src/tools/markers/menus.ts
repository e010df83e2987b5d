// Menus of the marker tool: new sets, and what can be done with one.
import Download from "@lucide/svelte/icons/download";
import Focus from "@lucide/svelte/icons/locate-fixed";
import Lock from "@lucide/svelte/icons/lock";
import LockOpen from "@lucide/svelte/icons/lock-open";
import Stamp from "@lucide/svelte/icons/stamp";
import Save from "@lucide/svelte/icons/save";
import Trash from "@lucide/svelte/icons/trash-2";
import type { MenuItem } from "../../core/menu.svelte";
import { may } from "../../core/session.svelte";
import type { MarkerSet } from "./markers.svelte";
import { markers } from "./markers.svelte";
import { KINDS, type Kind } from "./model";
import { download, saveFile } from "./saving";
import { text, word } from "./strings";
import { asTemplates, takesTemplates, templatesOf } from "./templates";

/** "new+": one entry for each kind. */
export const newItems = (): MenuItem[] =>
  KINDS.map((kind) => ({
    label: word("kind", kind),
    run: () => void markers.create(kind),
  }));

const LOCKS = [text.lock0, text.lock1, text.lock2] as const;

export function setLock(set: MarkerSet, locked: number): void {
  markers.edit(set, { ...set.data, state: { ...set.data.state, locked } }, text.lock);
  if (locked && markers.current === set) markers.pen = false;
}

/** Points as templates for other cases, and no templates any more. */
function templateItems(set: MarkerSet): MenuItem[] {
  if (!takesTemplates(set.data)) return [];
  const put = (templates: unknown): void =>
    markers.edit(set, { ...set.data, templates }, text.templates);
  return [
    {
      label: text.templatesMake,
      icon: Stamp,
      separate: true,
      disabled: !set.data.points.length,
      run: () => put(asTemplates(set.data)),
    },
    {
      label: text.templatesFresh,
      disabled: !templatesOf(set.data).length,
      run: () => {
        const { templates, state, type } = set.data;
        const fresh = markers.create(type as Kind);
        markers.edit(fresh, { ...fresh.data, templates, state: { ...state } }, text.templates);
        markers.arm(fresh, templatesOf(fresh.data)[0]?.name ?? null);
      },
    },
    {
      label: text.templatesDrop,
      disabled: !templatesOf(set.data).length,
      run: () => put(undefined),
    },
  ];
}

export function setMenu(set: MarkerSet): MenuItem[] {
  const { file } = set;
  return [
    { label: text.focus, icon: Focus, run: () => markers.focus(set) },
    {
      label: text.save,
      icon: Save,
      separate: true,
      disabled: !may("editor"),
      run: () => void saveFile(file),
    },
    {
      label: text.saveNew,
      icon: Save,
      disabled: !may("editor"),
      run: () => void saveFile(file, "refuse", true),
    },
    { label: text.download, icon: Download, run: () => download(file) },
    ...templateItems(set),
    { label: text.lock, heading: true, separate: true },
    ...LOCKS.map((label, n): MenuItem => ({
      label,
      icon: n ? Lock : LockOpen,
      checked: set.locked === n,
      run: () => setLock(set, n),
    })),
    {
      label: text.remove,
      icon: Trash,
      separate: true,
      danger: true,
      run: () => markers.remove([set]),
    },
  ];
}
