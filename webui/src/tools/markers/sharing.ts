// Markers in shared links: saved files by name, what is not saved as it stands; none of this computer.
import { complain } from "../../core/toast.svelte";
import type { FileRow } from "../../core/types";
import type { LinkPart, Saved } from "../links/parts";
import type { SavedAs } from "./markers.svelte";
import { MarkerFile, markers, MarkerSet } from "./markers.svelte";
import type { SetData } from "./model";
import { readRow } from "./opening";
import { checked } from "./parse";
import { written } from "./saving";
import { say } from "./strings";

interface SharedFile {
  /** Its place among the files of the link; null: it was not saved. */
  file: number | null;
  psid: string | null;
  /** The path and version that changes were made on. */
  saved: SavedAs | null;
  /** All sets as they stood; null: as the file has them. */
  sets: SetData[] | null;
  visible: boolean[];
}

interface Shared {
  files: SharedFile[];
  /** The current set by its place, and the marked point. */
  current: number;
  point: string | null;
}

const isLocal = (file: MarkerFile): boolean => file.local && !file.saved;

function save(): Saved {
  const files = markers.files.filter((file) => !isLocal(file));
  const ids = files.flatMap(({ saved }) => (saved ? [saved.id] : []));
  const shared = files.map((file): SharedFile => {
    const { saved, study } = file;
    const asFile = saved !== null && !markers.isDirty(file);
    return {
      file: saved ? ids.indexOf(saved.id) : null,
      psid: study?.psid ?? null,
      saved: saved && { ...saved },
      sets: asFile ? null : written(file),
      visible: markers.setsOf(file).map((set) => set.visible),
    };
  });
  const sets = files.flatMap((file) => markers.setsOf(file));
  const current = markers.current ? sets.indexOf(markers.current) : -1;
  return { value: { files: shared, current, point: markers.point } satisfies Shared, files: ids };
}

/** What is shown gives way; what is not saved can be brought back. */
export function closeAll(): void {
  const unsaved = markers.dirty.flatMap((file) => markers.setsOf(file));
  markers.detach(markers.list.filter((set) => !unsaved.includes(set)));
  if (unsaved.length) markers.remove(unsaved);
}

/** The sets of one file, as they stood in the link. */
async function setsOf(
  told: SharedFile,
  row: FileRow | null,
  all: readonly FileRow[],
): Promise<MarkerSet[]> {
  const read = row && (await readRow(row));
  if (!read && !told.sets) return [];
  const file = read?.file ?? new MarkerFile();
  const home = all.find(({ psid }) => psid === told.psid);
  if (!read && home) file.study = { id: home.study_id, psid: home.psid };
  // Changes are those of the version that they were made on: saving them asks when it is another.
  if (file.saved && told.sets && told.saved) file.saved.version = told.saved.version;
  const data = told.sets ? checked(told.sets) : (read?.sets ?? []);
  return data.map((one, n) => {
    const set = new MarkerSet(file, one);
    set.visible = told.visible[n] !== false;
    return set;
  });
}

async function show(
  value: unknown,
  rows: readonly (FileRow | null)[],
  all: readonly FileRow[],
): Promise<void> {
  const { files, current, point } = value as Shared;
  closeAll();
  const found = await Promise.all(
    files.map(async (told) => {
      const row = told.file === null ? null : (rows[told.file] ?? null);
      try {
        return await setsOf(told, row, all);
      } catch (error) {
        complain(error, say("failed", { name: row?.name ?? told.psid ?? "" }));
        return [];
      }
    }),
  );
  const sets = found.flat();
  if (!sets.length) return;
  markers.attach(sets);
  const last = sets[current];
  if (last) markers.select(last, last.point(point) ? point! : undefined);
}

export const inLinks: LinkPart = {
  save,
  show,
  local: () => markers.files.filter(isLocal).map((file) => file.source),
};
