// Sending to archives: what the dialog is asked for, and how it tells what would happen.
import Send from "@lucide/svelte/icons/send";
import { openDialog } from "../core/dialogs.svelte";
import type { MenuItem } from "../core/menu.svelte";
import { may } from "../core/session.svelte";
import { t } from "../core/strings";
import type { FileRow, Schema, StudyRow } from "../core/types";
import PushDialog from "./PushDialog.svelte";

export type PushFate = Schema["PushFate"];
export type PushRow = Schema["Push"];

/**
 * What is to be sent: files and studies by id; `rois` where some of them are masks or labels;
 * a PNG as base64 that goes into a study.
 */
export interface Sending {
  files?: number[];
  studies?: number[];
  rois?: boolean;
  reference?: number;
  picture?: string;
  into?: number;
  title?: string;
}

export const OPEN_PUSHES: readonly string[] = ["queued", "sending"];

/** How many objects would go. */
export const objectsOf = (fates: readonly PushFate[]): number =>
  fates.reduce((n, one) => n + (one.problem ? 0 : one.n_objects), 0);

/** What an archive has of it, in words. */
export function thereText(fate: PushFate, checks: boolean): string {
  if (fate.n_there && !fate.n_objects) return t("push_all_there");
  if (fate.n_there) return t("push_some_there", { n: fate.n_there });
  if (!checks) return t("push_unasked");
  return t(fate.known_there ? "push_known" : "push_new");
}

export const sendItem = (what: Sending, separate = false): MenuItem => ({
  label: t("push_menu"),
  icon: Send,
  separate,
  disabled: !may("editor"),
  run: () => openDialog(PushDialog, { what }),
});

const isRoi = (file: FileRow): boolean => file.kind === "mask" || file.kind === "labels";

/** The item for rows of the table. */
export const sendRows = (rows: { files: FileRow[]; studies: StudyRow[] }): MenuItem =>
  sendItem({
    files: rows.files.map((one) => one.id),
    studies: rows.studies.map((one) => one.id),
    rois: rows.files.some(isRoi),
    title: rows.files.length === 1 ? rows.files[0]?.name.split(".")[0] : "",
  });
