// Markers of a case: opened, made when they are missing, and closed with their case.
import { api, path } from "../../core/api";
import { dock, openTool } from "../../core/dock.svelte";
import { complain } from "../../core/toast.svelte";
import type { FileRow, Schema } from "../../core/types";
import { MarkerFile, markers, MarkerSet } from "../markers/markers.svelte";
import { KINDS, newSet, type Kind } from "../markers/model";
import { checked } from "../markers/parse";
import type { Entry, LoadedCase } from "./preset";
import { asWished } from "./wishing";

const kindOf = (type: string): Kind => KINDS.find((kind) => kind === type) ?? "pointset";

/** Markers of the case before go with it; those that are not saved can be brought back. */
export function closeMarkers(): void {
  const unsaved = markers.dirty.flatMap((file) => markers.setsOf(file));
  markers.detach(markers.list.filter((set) => !unsaved.includes(set)));
  if (unsaved.length) markers.remove(unsaved);
}

/** Show a file of markers; the crosshair stays where it is. */
async function openMarkers(row: FileRow, wish: Entry, still: () => boolean): Promise<void> {
  try {
    const told = await api.get<Schema["Annotations"]>(path("files", row.id, "annotations"));
    if (!still()) return;
    const file = new MarkerFile();
    file.study = { id: row.study_id, psid: row.psid };
    file.source = row.name;
    file.notes = told.notes;
    if (told.format === "nora" && row.path.endsWith(".ano.json"))
      file.saved = { id: row.id, path: row.path, version: told.version ?? row.version };
    const sets = checked(told.sets).map((data) => asWished(data, wish));
    file.clean = sets;
    markers.attach(sets.map((data) => new MarkerSet(file, data)));
  } catch (error) {
    complain(error, row.name);
  }
}

const nameIn = (wanted: string): string =>
  (wanted.split("/").at(-1) ?? "").replace(/\.ano\.json$/, "") || "annotation";

/** An empty set that becomes a file once it is drawn in and saved. */
function makeMarkers(wish: Entry, wanted: string, loaded: LoadedCase): void {
  const asked = wish.intent.autocreate_ano;
  if (!asked) return;
  const file = new MarkerFile();
  file.study = { id: loaded.study_id, psid: loaded.case };
  const templates = Object.keys(asked.templates).length ? { templates: asked.templates } : {};
  const made = { ...newSet(kindOf(asked.type), nameIn(wanted)), ...templates };
  const data = asWished({ ...made, state: { ...made.state, ...asked.state } }, wish);
  // Nothing is lost when nobody draws in it.
  file.clean = [data];
  markers.attach([new MarkerSet(file, data)]);
  // A tool that somebody is using stays.
  if (asked.showPanel && !dock.open) openTool("markers");
}

/** Show the annotations that an entry means, or make one. */
export async function annotate(
  wish: Entry,
  loaded: LoadedCase,
  i: number,
  still: () => boolean,
): Promise<void> {
  const found = loaded.entries[i];
  if (!found) return;
  await Promise.all(found.files.map((row) => openMarkers(row, wish, still)));
  if (found.wanted && still()) makeMarkers(wish, found.wanted, loaded);
}
