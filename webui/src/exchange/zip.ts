// Packs many files into one zip without compressing or copying them: a folder becomes one arrival.

export interface Entry {
  path: string;
  file: Blob;
  modified?: number;
}

// Without zip64: stay well below 65 535 entries and 4 GiB.
export const MAX_ENTRIES = 20_000;
export const MAX_BYTES = 2_000_000_000;

const TABLE = new Uint32Array(256).map((_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

export function crc32(bytes: Uint8Array, start = 0): number {
  let c = ~start >>> 0;
  for (let i = 0; i < bytes.length; i++) c = (c >>> 8) ^ TABLE[(c ^ bytes[i]!) & 0xff]!;
  return ~c >>> 0;
}

function dosTime(ms: number | undefined): [number, number] {
  const d = new Date(ms ?? 0);
  if (!ms || d.getFullYear() < 1980) return [0, 0x21];
  const time = (d.getHours() << 11) | (d.getMinutes() << 5) | (d.getSeconds() >> 1);
  const date = ((d.getFullYear() - 1980) << 9) | ((d.getMonth() + 1) << 5) | d.getDate();
  return [time, date];
}

/** Fields shared by a local header and a central one: version … extra length. */
function facts(name: Uint8Array, size: number, crc: number, modified?: number): number[][] {
  const [time, date] = dosTime(modified);
  // bit 11: names are UTF-8
  return [
    [2, 20],
    [2, 0x0800],
    [2, 0],
    [2, time],
    [2, date],
    [4, crc],
    [4, size],
    [4, size],
    [2, name.length],
    [2, 0],
  ];
}

function pack(fields: readonly (readonly number[])[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(fields.reduce((sum, field) => sum + field[0]!, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value!, true);
    else view.setUint32(at, value!, true);
    at += width!;
  }
  return bytes;
}

export interface PackOptions {
  signal?: AbortSignal;
  onprogress?: (done: number) => void;
}

/** One stored (uncompressed) zip; the parts refer to the files on disk. */
export async function zip(entries: readonly Entry[], options: PackOptions = {}): Promise<Blob> {
  const parts: BlobPart[] = [];
  const central: BlobPart[] = [];
  let offset = 0;
  let directory = 0;
  for (const [i, { path, file, modified }] of entries.entries()) {
    options.signal?.throwIfAborted();
    const name = new TextEncoder().encode(path);
    const crc = crc32(new Uint8Array(await file.arrayBuffer()));
    const common = facts(name, file.size, crc, modified);
    const local = pack([[4, 0x04034b50], ...common]);
    // comment length, disk, attributes (2), attributes (4), offset of the local header
    const tail = [
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, offset],
    ];
    const head = pack([[4, 0x02014b50], [2, 20], ...common, ...tail]);
    parts.push(local, name, file);
    central.push(head, name);
    offset += local.length + name.length + file.size;
    directory += head.length + name.length;
    options.onprogress?.(i + 1);
  }
  const n = entries.length;
  const end = pack([
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, n],
    [2, n],
    [4, directory],
    [4, offset],
    [2, 0],
  ]);
  return new Blob([...parts, ...central, end], { type: "application/zip" });
}

/** Cut a long list into packs that a plain zip can hold. */
export function packs<T extends { file: { size: number } }>(entries: readonly T[]): T[][] {
  const all: T[][] = [];
  let current: T[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (
      current.length >= MAX_ENTRIES ||
      (current.length > 0 && bytes + entry.file.size > MAX_BYTES)
    ) {
      all.push(current);
      [current, bytes] = [[], 0];
    }
    current.push(entry);
    bytes += entry.file.size;
  }
  if (current.length > 0) all.push(current);
  return all;
}
