// What the user dropped or chose, as a flat list of files with their paths.

export interface Picked {
  path: string;
  file: File;
}

/** Rubbish that file managers leave behind. */
const isJunk = (path: string): boolean =>
  /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini|__MACOSX)(\/|$)/i.test(path) || /(^|\/)\._/.test(path);

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

const listOf = (reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> =>
  new Promise((resolve, reject) => reader.readEntries(resolve, reject));

async function walk(entry: FileSystemEntry, into: Picked[]): Promise<void> {
  const path = entry.fullPath.replace(/^\//, "");
  if (isJunk(path)) return;
  if (entry.isFile) into.push({ path, file: await fileOf(entry as FileSystemFileEntry) });
  if (!entry.isDirectory) return;
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A reader gives at most 100 entries at a time.
  for (let part = await listOf(reader); part.length > 0; part = await listOf(reader)) {
    for (const child of part) await walk(child, into);
  }
}

/** Must be called inside the drop event: the list of items dies with it. */
export async function fromDrop(transfer: DataTransfer): Promise<Picked[]> {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const dropped = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const found: Picked[] = [];
  for (const one of dropped) {
    if (one instanceof File) found.push({ path: one.name, file: one });
    else if (one) await walk(one, found);
  }
  return found;
}

export function fromInput(input: HTMLInputElement): Picked[] {
  return [...(input.files ?? [])]
    .map((file) => ({ path: file.webkitRelativePath || file.name, file }))
    .filter((one) => !isJunk(one.path));
}

export interface Parcel {
  name: string;
  files: Picked[];
  /** Several files travel as one zip, so that they are one arrival. */
  zipped: boolean;
}

const alone = (one: Picked): Parcel => ({ name: one.file.name, files: [one], zipped: false });
const isArchive = (one: Picked): boolean =>
  /\.(zip|tar|7z|t[gx]z|tbz2|tar\.(gz|xz|bz2))$/i.test(one.path);

/** Group files into parcels: archives alone, each folder one zip, few loose files one by one. */
export function parcels(picked: readonly Picked[]): Parcel[] {
  const groups = new Map<string, Picked[]>();
  for (const one of picked) {
    const folder = isArchive(one) || !one.path.includes("/") ? "" : (one.path.split("/")[0] ?? "");
    groups.set(folder, [...(groups.get(folder) ?? []), one]);
  }
  return [...groups].flatMap(([folder, files]) => {
    const loose = files.filter((one) => !isArchive(one));
    const archives = files.filter(isArchive).map(alone);
    if (loose.length <= (folder ? 1 : 8)) return [...archives, ...loose.map(alone)];
    return [...archives, { name: `${folder || "files"}.zip`, files: loose, zipped: true }];
  });
}
