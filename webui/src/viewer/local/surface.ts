// Whether a surface of this computer can be drawn: every corner of its triangles exists.
import { NiftiError } from "../nifti";
import { unpacked } from "./plain";

type Bytes = Uint8Array<ArrayBuffer>;
interface Faces {
  n: number;
  corners: ArrayLike<number>;
}

const damaged = (why: string): NiftiError =>
  new NiftiError(`The surface is damaged: ${why}.`, "Save it again from its source.");
const text = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);
const viewOf = (bytes: Bytes): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function obj(bytes: Bytes): Faces {
  const corners: number[] = [];
  let n = 0;
  for (const line of text(bytes).split("\n")) {
    if (/^v\s/.test(line)) n++;
    else if (/^f\s/.test(line))
      for (const word of line.trim().split(/\s+/).slice(1)) {
        const at = parseInt(word, 10);
        corners.push(at < 0 ? n + at : at - 1);
      }
  }
  return { n, corners };
}

function stl(bytes: Bytes): null {
  if (/^\s*solid/.test(text(bytes.subarray(0, 80))) && /facet/.test(text(bytes.subarray(0, 1000))))
    return null;
  if (bytes.length < 84 || bytes.length < 84 + 50 * viewOf(bytes).getUint32(80, true))
    throw damaged("it ends too early");
  return null;
}

const PLY_BYTES: Record<string, number> = {
  ...{ char: 1, int8: 1, uchar: 1, uint8: 1, short: 2, int16: 2, ushort: 2, uint16: 2 },
  ...{ int: 4, int32: 4, uint: 4, uint32: 4, float: 4, float32: 4, double: 8, float64: 8 },
};

/** Reads a whole number of a PLY type. */
function whole(view: DataView, at: number, type: string, le: boolean): number {
  const size = PLY_BYTES[type]!;
  if (size === 1) return view.getUint8(at);
  return size === 2 ? view.getUint16(at, le) : view.getInt32(at, le);
}

function ply(bytes: Bytes): Faces | null {
  const head = /^ply[\s\S]*?end_header\r?\n/.exec(text(bytes.subarray(0, 65536)))?.[0];
  if (!head) throw damaged("its header has no end");
  const [, , vertices = "", faces = ""] =
    /([\s\S]*?)(element vertex[\s\S]*?)(element face[\s\S]*)/.exec(head) ?? [];
  const n = Number(/vertex\s+(\d+)/.exec(vertices)?.[1]);
  const count = Number(/face\s+(\d+)/.exec(faces)?.[1]);
  const list = /property\s+list\s+(\w+)\s+(\w+)/.exec(faces);
  if (!list) return null;
  const corners: number[] = [];
  const body = bytes.subarray(head.length);
  if (/format\s+ascii/.test(head)) {
    const rows = text(body)
      .split("\n")
      .slice(n, n + count);
    for (const row of rows) {
      const [m = 0, ...found] = row.trim().split(/\s+/).map(Number);
      if (found.length < m) throw damaged("it ends too early");
      corners.push(...found.slice(0, m));
    }
    if (rows.filter((row) => row.trim()).length < count) throw damaged("it ends too early");
    return { n, corners };
  }
  const le = /binary_little/.test(head);
  const types = [...vertices.matchAll(/property\s+(\w+)\s+\w+/g)].map(([, type]) => type!);
  const view = viewOf(body);
  let at = n * types.reduce((sum, type) => sum + (PLY_BYTES[type] ?? 4), 0);
  const [length, item] = [list[1]!, list[2]!];
  for (let i = 0; i < count; i++) {
    if (at >= body.length) throw damaged("it ends too early");
    const m = whole(view, at, length, le);
    at += PLY_BYTES[length]!;
    if (at + m * PLY_BYTES[item]! > body.length) throw damaged("it ends too early");
    for (let k = 0; k < m; k++, at += PLY_BYTES[item]!) corners.push(whole(view, at, item, le));
  }
  return { n, corners };
}

function freesurfer(bytes: Bytes): Faces | null {
  // Triangles begin with three bytes of their own and two lines about who wrote them.
  if (bytes[0] !== 255 || bytes[1] !== 255 || bytes[2] !== 254) return null;
  const at = bytes.indexOf(10, bytes.indexOf(10) + 1) + 1;
  const view = viewOf(bytes);
  const [n, count] = [view.getInt32(at), view.getInt32(at + 4)];
  const from = at + 8 + 12 * n;
  if (bytes.length < from + 12 * count) throw damaged("it ends too early");
  const corners = Int32Array.from({ length: 3 * count }, (_, i) => view.getInt32(from + 4 * i));
  return { n, corners };
}

function mz3(bytes: Bytes): Faces {
  const view = viewOf(bytes);
  const [faces, n, skip] = [
    view.getUint32(4, true),
    view.getUint32(8, true),
    view.getUint32(12, true),
  ];
  if (bytes.length < 16 + skip + 12 * faces) throw damaged("it ends too early");
  const corners = Int32Array.from({ length: 3 * faces }, (_, i) =>
    view.getInt32(16 + skip + 4 * i, true),
  );
  return { n, corners };
}

async function giftiValues(array: Element): Promise<ArrayLike<number> | null> {
  const words = array.querySelector("Data")?.textContent?.trim() ?? "";
  const encoding = array.getAttribute("Encoding") ?? "";
  if (encoding === "ASCII") return words.split(/\s+/).map(Number);
  if (!encoding.includes("Base64")) return null;
  let bytes: Bytes = Uint8Array.from(atob(words.replace(/\s+/g, "")), (c) => c.charCodeAt(0));
  if (encoding.startsWith("GZip")) bytes = await unpacked(bytes, "deflate");
  const view = viewOf(bytes);
  const le = array.getAttribute("Endian") !== "BigEndian";
  return Int32Array.from({ length: bytes.length >> 2 }, (_, i) => view.getInt32(4 * i, le));
}

async function gifti(bytes: Bytes): Promise<Faces | null> {
  const page = new DOMParser().parseFromString(new TextDecoder().decode(bytes), "text/xml");
  if (page.querySelector("parsererror")) throw damaged("it is no valid XML");
  const of = (intent: string): Element | null =>
    page.querySelector(`DataArray[Intent="NIFTI_INTENT_${intent}"]`);
  const [points, faces] = [of("POINTSET"), of("TRIANGLE")];
  if (!points || !faces)
    throw new NiftiError(
      "The file holds values without a surface.",
      "Open the surface that they belong to (.surf.gii).",
    );
  const corners = await giftiValues(faces);
  return corners && { n: Number(points.getAttribute("Dim0")), corners };
}

const READERS: readonly (readonly [
  RegExp,
  (bytes: Bytes) => Faces | null | Promise<Faces | null>,
])[] = [
  [/\.obj$/i, obj],
  [/\.stl$/i, stl],
  [/\.ply$/i, ply],
  [/\.mz3$/i, mz3],
  [/\.gii$/i, gifti],
  [/\.(pial|white|inflated|orig|smoothwm|sphere)$/i, freesurfer],
];

/** Refuse a surface that is cut or names corners that do not exist. */
export async function checkSurface(file: File): Promise<void> {
  let bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = await unpacked(bytes, "gzip");
  const name = file.name.replace(/\.gz$/i, "");
  const reader = READERS.find(([ending]) => ending.test(name))?.[1];
  let faces: Faces | null;
  try {
    faces = (await reader?.(bytes)) ?? null;
  } catch (error) {
    if (error instanceof NiftiError) throw error;
    throw damaged("it cannot be read");
  }
  if (!faces) return;
  if (!faces.corners.length) throw damaged("it has no faces");
  for (let i = 0; i < faces.corners.length; i++)
    if (!(faces.corners[i]! >= 0 && faces.corners[i]! < faces.n))
      throw damaged("a face names a vertex that does not exist");
}
