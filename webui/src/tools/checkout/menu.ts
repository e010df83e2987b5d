// What the menus of files and ROIs offer: to edit elsewhere, and to go to and from DICOM.
import FileInput from "@lucide/svelte/icons/file-input";
import FileOutput from "@lucide/svelte/icons/file-output";
import SquarePen from "@lucide/svelte/icons/square-pen";
import { openDialog } from "../../core/dialogs.svelte";
import type { MenuItem } from "../../core/menu.svelte";
import { may } from "../../core/session.svelte";
import { attempt, inform } from "../../core/toast.svelte";
import type { FileRow } from "../../core/types";
import CheckoutDialog from "./CheckoutDialog.svelte";
import { importDicom, type Editable } from "./client";
import DicomDialog from "./DicomDialog.svelte";
import { say, text } from "./strings";

const IMAGES = ["image", "mask", "labels"];

export const isMask = (file: FileRow): boolean =>
  file.kind === "mask" || file.kind === "labels" || file.tags.includes("mask");

async function makeRois(file: FileRow): Promise<void> {
  const { saved, others, notes } = await importDicom(file.id);
  const said = others.length
    ? say("imported", { n: others.length + 1 })
    : say("importedOne", { path: saved.file.path });
  inform([said, ...notes].join(". "));
}

/** Items of a file that may be edited elsewhere, or of a saved ROI. */
export function editItems(file: Editable, mask: boolean): MenuItem[] {
  const elsewhere = {
    label: text.menu,
    icon: SquarePen,
    disabled: !may("editor"),
    run: () => openDialog(CheckoutDialog, { file }),
  };
  const dicom = {
    label: text.exportMenu,
    icon: FileOutput,
    disabled: !may("editor"),
    run: () => openDialog(DicomDialog, { file }),
  };
  return mask ? [elsewhere, dicom] : [elsewhere];
}

/** Items for the menu of a file of the table. */
export function fileItems(file: FileRow): MenuItem[] {
  if (file.name.toLowerCase().endsWith(".dcm")) {
    const run = (): void => void attempt(() => makeRois(file), text.importMenu);
    return [{ label: text.importMenu, icon: FileInput, disabled: !may("editor"), run }];
  }
  return IMAGES.includes(file.kind) ? editItems(file, isMask(file)) : [];
}
