// Opens files of markers: of a study, or of this computer, which never leave it.
import { api, path } from "../../core/api";
import { openTool } from "../../core/dock.svelte";
import { complain, inform } from "../../core/toast.svelte";
import type { FileRow, Schema } from "../../core/types";
import { history } from "../history.svelte";
import { MarkerFile, markers, MarkerSet } from "./markers.svelte";
import type { SetData } from "./model";
import { checked, isMarkerFile, parseMarkers } from "./parse";
import { say, setsText, text } from "./strings";

export { isMarkerFile };

const LARGEST = 64 * 2 ** 20;

/** Show what a file holds as one step of undo. */
function show(file: MarkerFile, sets: readonly SetData[], name: string): void {
  if (!sets.length) return void inform(say("nothing", { name }));
  const shown = sets.map((data) => new MarkerSet(file, data));
  file.clean = sets;
  markers.attach(shown);
  history.push({
    label: say("openAs"),
    bytes: 200,
    undo: () => markers.detach(shown),
    redo: () => markers.attach(shown),
  });
  openTool("markers");
  markers.focusIfAway(shown);
  inform(say("opened", { name, sets: setsText(sets.length) }));
}

/** The sets of a file that is open already: read again when nothing of it has been changed. */
function again(open: MarkerFile, name: string): boolean {
  openTool("markers");
  markers.select(markers.setsOf(open)[0] ?? null);
  if (markers.isDirty(open)) {
    inform(say("again", { name }));
    return true;
  }
  return false;
}

/** Read a file of a study; Slicer's are saved as NORA's own beside them. */
export async function readRow(row: FileRow): Promise<{ file: MarkerFile; sets: SetData[] }> {
  const told = await api.get<Schema["Annotations"]>(path("files", row.id, "annotations"));
  const file = new MarkerFile();
  file.study = { id: row.study_id, psid: row.psid };
  file.source = row.name;
  file.notes = told.notes;
  if (told.format === "nora" && row.path.endsWith(".ano.json"))
    file.saved = { id: row.id, path: row.path, version: told.version ?? row.version };
  const sets = checked(told.sets);
  file.clean = sets;
  return { file, sets };
}

/** Show a file of a study. */
export async function openRow(row: FileRow): Promise<void> {
  const open = markers.files.find((file) => file.saved?.id === row.id);
  if (open && again(open, row.name)) return;
  try {
    const { file, sets } = await readRow(row);
    if (open) markers.detach(markers.setsOf(open));
    show(file, sets, row.name);
  } catch (error) {
    complain(error, say("failed", { name: row.name }));
  }
}

/** Show a file of this computer. */
export async function openLocal(from: File): Promise<void> {
  try {
    if (from.size > LARGEST) throw new Error(`${from.name} is too large for a file of markers`);
    const { sets, notes } = parseMarkers(from.name, await from.text());
    const file = new MarkerFile();
    file.source = from.name;
    file.local = true;
    file.notes = notes;
    show(file, sets, from.name);
  } catch (error) {
    complain(error, say("failed", { name: from.name }));
  }
}

export const opener = {
  label: text.open,
  fits: isMarkerFile,
  open: (row: FileRow): void => void openRow(row),
  openLocal: (file: File): void => void openLocal(file),
};
