// What the menu of a slide offers: the photographs of its label and glass, to who may know people.
import ScanEye from "@lucide/svelte/icons/scan-eye";
import { openDialog } from "../../core/dialogs.svelte";
import type { MenuItem } from "../../core/menu.svelte";
import { may } from "../../core/session.svelte";
import { attempt } from "../../core/toast.svelte";
import type { FileRow } from "../../core/types";
import { glass as text } from "../../tomography/strings";

const SLIDE = /\.(czi|svs|ome\.tiff?)$/i;

export const isSlide = (name: string): boolean => SLIDE.test(name);

async function open(file: FileRow): Promise<void> {
  const { default: dialog } = await import("../../tomography/GlassDialog.svelte");
  openDialog(dialog, { file });
}

/** Items for the menu of a file of the table. */
export function slideItems(file: FileRow): MenuItem[] {
  if (!isSlide(file.name)) return [];
  const run = (): void => void attempt(() => open(file), text.menu);
  return [{ label: text.menu, icon: ScanEye, disabled: !may("deanonym"), run }];
}
