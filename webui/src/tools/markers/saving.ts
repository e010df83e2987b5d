// Saving to the study with a version check, downloading, and drafts kept until then.
import { api, path } from "../../core/api";
import { openDialog } from "../../core/dialogs.svelte";
import { ApiError } from "../../core/problem";
import { session } from "../../core/session.svelte";
import { complain, inform } from "../../core/toast.svelte";
import type { Schema } from "../../core/types";
import ChangedDialog from "./ChangedDialog.svelte";
import { dropDraft, putDraft } from "./drafts";
import type { MarkerFile } from "./markers.svelte";
import { markers, studyInSight } from "./markers.svelte";
import type { SetData } from "./model";
import { stemOf } from "./parse";
import { say, text } from "./strings";

export type IfChanged = "refuse" | "replace" | "new_name";
type SavedFile = Schema["SavedFile"];

const FOLDER = "annotations";
const SUFFIX = ".ano.json";

const safe = (name: string): string =>
  name
    .trim()
    .replace(/[\\/:*?"<>|]+/g, "_")
    .replace(/^\.+/, "") || "markers";

/** The sets of a file as they are written: what is hidden now is hidden in the file. */
export function written(file: MarkerFile): SetData[] {
  return markers.setsOf(file).map(({ data, visible }) => ({
    ...data,
    state: { ...data.state, visible },
  }));
}

/** Its own path, or NORA's: named after the file it came from, else after the first set. */
function pathOf(file: MarkerFile, own: boolean): string {
  if (file.saved && !own) return file.saved.path;
  const first = markers.setsOf(file)[0]?.data.name ?? "";
  const name = file.source && !own ? stemOf(file.source) : first;
  return `${FOLDER}/${safe(name)}${SUFFIX}`;
}

/** Save all sets of a file; what somebody changed meanwhile is never replaced unasked. */
export async function saveFile(
  file: MarkerFile,
  ifChanged: IfChanged = "refuse",
  own = false,
): Promise<boolean> {
  file.study ??= studyInSight();
  if (!file.study) {
    inform(text.noStudy, { label: text.download, run: () => download(file) });
    return false;
  }
  if (file.saving) return false;
  const where = pathOf(file, own);
  const now = markers.setsOf(file).map(({ data }) => data);
  file.saving = true;
  try {
    const done = await api.post<SavedFile>(path("studies", file.study.id, "annotations"), {
      sets: written(file),
      path: where,
      version: file.saved?.path === where ? file.saved.version : null,
      if_changed: ifChanged,
    });
    taken(file, done, now);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 409 && error.key === "changed")
      openDialog(ChangedDialog, { file, error, own });
    else complain(error, where);
    return false;
  } finally {
    file.saving = false;
  }
}

function taken(file: MarkerFile, { file: row }: SavedFile, now: readonly SetData[]): void {
  file.saved = { id: row.id, path: row.path, version: row.version };
  file.source = row.name;
  file.local = false;
  // Changed meanwhile: the rest stays unsaved.
  file.clean = now;
  if (!markers.isDirty(file)) void dropDraft(file.key).catch(() => undefined);
  inform(say("saved", { name: row.name }));
}

export async function saveAll(): Promise<void> {
  for (const file of markers.dirty) await saveFile(file);
}

/** Hand a text to the browser as a file. */
export function saveText(name: string, body: string, type: string): void {
  const url = URL.createObjectURL(new Blob([body], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A .ano.json of the sets to this computer. */
export function download(file: MarkerFile): void {
  const name = pathOf(file, false).split("/").at(-1)!;
  const body = JSON.stringify({ annotations: written(file) }, null, 1);
  saveText(name, `${body}\n`, "application/json");
}

/** Keep unsaved sets in this browser. */
export async function keepDraft(file: MarkerFile): Promise<void> {
  await putDraft({
    key: file.key,
    login: session.info?.user.login ?? "",
    name: markers.setsOf(file)[0]?.data.name ?? file.source,
    source: file.source,
    local: file.local,
    study: file.study,
    saved: file.saved,
    sets: written(file),
    at: Date.now(),
  });
}
