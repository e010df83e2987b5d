// Saving to the service with a version check, downloading, and drafts kept until then.
import { api, path } from "../../core/api";
import { ApiError } from "../../core/problem";
import { session } from "../../core/session.svelte";
import { t } from "../../core/strings";
import { complain, inform } from "../../core/toast.svelte";
import type { FileRow } from "../../core/types";
import { openDialog } from "../../core/dialogs.svelte";
import ChangedDialog from "./ChangedDialog.svelte";
import { dropDraft, putDraft } from "./drafts";
import { gzip, maskFile } from "./nifti";
import { hex, packedVoxels, placed, plainName, SUFFIX } from "./packed";
import type { Roi } from "./roi.svelte";
import { rois } from "./rois.svelte";

export type IfChanged = "refuse" | "replace" | "new_name";

interface SavedFile {
  file: FileRow;
  version_n: number;
  requested_path: string;
}

const COMPRESSED = ".nii.gz";

/** Where a ROI is saved: over its file, or as its name says ("folder/name"). */
function pathOf(roi: Roi): string {
  const name = roi.name.replace(/[\\:*?"<>|]+/g, "_");
  if (!roi.saved) return SUFFIX.test(name) ? name : name + COMPRESSED;
  const folder = roi.saved.path.split("/").slice(0, -1);
  const suffix = SUFFIX.exec(roi.saved.path)?.[0] ?? COMPRESSED;
  if (name.includes("/")) return name.replace(SUFFIX, "") + suffix;
  return [...folder, name.replace(SUFFIX, "") + suffix].join("/");
}

async function body(roi: Roi, ifChanged: IfChanged) {
  const data = await packedVoxels(roi);
  const where = pathOf(roi);
  return {
    path: where,
    rois: [{ name: plainName(roi), data, color: hex(roi.layer.colour) }],
    ...placed(roi),
    n_frames: roi.volume.frames,
    packing: "bits",
    tags: ["mask"],
    version: roi.saved?.path === where ? roi.saved.version : null,
    if_changed: ifChanged,
  };
}

/** Save one ROI; a file that somebody changed meanwhile is never overwritten unasked. */
export async function saveRoi(roi: Roi, ifChanged: IfChanged = "refuse"): Promise<boolean> {
  const study = roi.reference?.study_id;
  if (!study) {
    inform(t("roi_local_only"), { label: t("roi_download"), run: () => void download(roi) });
    return false;
  }
  if (roi.saving) return false;
  roi.saving = true;
  const at = roi.changes;
  try {
    const asked = await body(roi, ifChanged);
    const done = await api.post<SavedFile>(path("studies", study, "rois"), asked);
    taken(roi, done, at);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 409 && error.problem.key === "changed")
      openDialog(ChangedDialog, { roi, error });
    else complain(error, roi.name);
    return false;
  } finally {
    roi.saving = false;
  }
}

function taken(roi: Roi, { file }: SavedFile, at: number): void {
  roi.saved = { id: file.id, path: file.path, version: file.version };
  roi.layer.title = file.name;
  // From now on links and autoloaders know it.
  roi.layer.row = file;
  // Drawn on meanwhile: the rest stays unsaved.
  roi.dirty = roi.changes !== at;
  if (!roi.dirty) void dropDraft(roi.key).catch(() => undefined);
  inform(t("roi_saved", { name: file.name }));
}

export async function saveAll(): Promise<void> {
  for (const roi of rois.dirty) await saveRoi(roi);
}

function give(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Text as a file to this computer. */
export const saveText = (name: string, type: string, text: string): void =>
  give(name, new Blob([text], { type }));

/** A .nii.gz of the ROI to this computer. */
export async function download(roi: Roi): Promise<void> {
  const bytes = await gzip(maskFile(roi.geometry, roi.data));
  const name = plainName(roi).split("/").at(-1)!;
  give(name + COMPRESSED, new Blob([bytes], { type: "application/gzip" }));
}

/** Keep an unsaved ROI in this browser. */
export async function keepDraft(roi: Roi): Promise<void> {
  await putDraft({
    key: roi.key,
    login: session.info?.user.login ?? "",
    name: roi.name,
    geometry: plain(roi.geometry),
    reference: roi.reference && plain(roi.reference),
    referenceName: roi.referenceName,
    subject: roi.layer.subject,
    ownGrid: roi.ownGrid,
    saved: roi.saved && plain(roi.saved),
    frames: rois.runs(roi),
    colour: [roi.layer.colour[0], roi.layer.colour[1], roi.layer.colour[2]],
    at: Date.now(),
  });
}

/** A copy without anything reactive in it. */
const plain = <T>(value: T): T => structuredClone(value);
