// NRRD files with their values attached as plain images.
import type { Mat4 } from "../linalg";
import { NiftiError } from "../nifti";
import { bytesOf, plainFile, reversed, unpacked, type Sample } from "./plain";

const NAMES: Record<Sample, string> = {
  int8: "signed char,int8,int8_t",
  uint8: "uchar,unsigned char,uint8,uint8_t",
  int16: "short,short int,signed short,signed short int,int16,int16_t",
  uint16: "ushort,unsigned short,unsigned short int,uint16,uint16_t",
  int32: "int,signed int,int32,int32_t",
  uint32: "uint,unsigned int,uint32,uint32_t",
  float32: "float",
  float64: "double",
  rgb24: "",
};
const TYPES = new Map(
  Object.entries(NAMES).flatMap(([type, names]) =>
    names.split(",").map((name) => [name, type as Sample]),
  ),
);
/** Sides that grow against right, anterior, superior. */
const AGAINST = /^(left|posterior|inferior)$/i;
const SPACE = ["domain", "space", "???"];

type Fields = ReadonlyMap<string, string>;

/** Where the header ends, and its fields with names without spaces. */
function parse(bytes: Uint8Array): { fields: Fields; end: number } {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 1 << 20));
  if (!text.startsWith("NRRD000")) throw new NiftiError("This is not a NRRD file.");
  const blank = /\r?\n\r?\n/.exec(text);
  if (!blank)
    throw new NiftiError("The NRRD header has no end.", "Values must be in the same file.");
  const fields = new Map<string, string>();
  for (const line of text.slice(0, blank.index).split(/\r?\n/)) {
    const found = /^([^#:=]+):\s*(.*)$/.exec(line);
    if (found) fields.set(found[1]!.toLowerCase().replace(/\s+/g, ""), found[2]!.trim());
  }
  return { fields, end: blank.index + blank[0].length };
}

function vectors(text: string): (number[] | null)[] {
  const words = text.replace(/,\s+/g, ",").replace(/\(\s+/g, "(").split(/\s+/).filter(Boolean);
  return words.map((word) =>
    word === "none" ? null : word.replace(/[()]/g, "").split(",").map(Number),
  );
}

/** Signs that bring a space to RAS; scanner and unnamed spaces are taken as RAS. */
function signs(space: string): number[] {
  const words = space.split("-");
  if (words.length >= 3) return words.slice(0, 3).map((word) => (AGAINST.test(word) ? -1 : 1));
  const letters = /^([RL])([AP])([SI])/i.exec(space);
  return letters ? letters.slice(1).map((one) => (/[LPI]/i.test(one) ? -1 : 1)) : [1, 1, 1];
}

/** The axes of space, and where they lie. */
function place(fields: Fields, sizes: readonly number[]): { spatial: number[]; affine: Mat4 } {
  const rows = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
  ];
  const directions = vectors(fields.get("spacedirections") ?? "");
  const kinds = (fields.get("kinds") ?? "").split(/\s+/);
  const steps = (fields.get("spacings") ?? "").split(/\s+/).map(Number);
  const inSpace = (axis: number): boolean =>
    directions.length
      ? directions[axis] !== null && directions[axis] !== undefined
      : !kinds[axis] || SPACE.includes(kinds[axis]);
  const spatial = [...sizes.keys()].filter(inSpace).slice(0, 3);
  spatial.forEach((axis, column) => {
    const step = steps[axis];
    const upright = rows.map((_, row) =>
      row === column ? (step && isFinite(step) ? step : 1) : 0,
    );
    const vector = directions.length ? directions[axis]! : upright;
    rows.forEach((row, i) => (row[column] = vector[i] ?? 0));
  });
  const origin = directions.length ? (vectors(fields.get("spaceorigin") ?? "")[0] ?? []) : [];
  rows.forEach((row, i) => (row[3] = origin[i] ?? 0));
  const sign = directions.length ? signs(fields.get("space") ?? "") : [1, 1, 1];
  const affine = rows.flatMap((row, i) => row.map((value) => sign[i]! * value));
  return { spatial, affine: [...affine, 0, 0, 0, 1] };
}

async function values(fields: Fields, body: Uint8Array<ArrayBuffer>, needed: number) {
  const encoding = (fields.get("encoding") ?? "").toLowerCase();
  const packed = encoding === "gz" || encoding === "gzip";
  if (!packed && encoding !== "raw")
    throw new NiftiError(
      `NRRD files with the encoding “${encoding}” are not read here.`,
      "Save it raw or with gzip, or import it through Upload.",
    );
  let rest = body;
  for (let skip = Number(fields.get("lineskip") ?? 0); skip > 0; skip--)
    rest = rest.subarray(rest.indexOf(10) + 1);
  const plain = packed ? await unpacked(rest, "gzip") : rest;
  const skip = Number(fields.get("byteskip") ?? 0);
  return plain.slice(skip < 0 ? Math.max(0, plain.length - needed) : skip);
}

/** Bring the axes of space to the front; what is left becomes time. */
function spaceFirst(
  bytes: Uint8Array<ArrayBuffer>,
  sizes: readonly number[],
  order: readonly number[],
  width: number,
): Uint8Array<ArrayBuffer> {
  if (order.every((axis, i) => axis === i)) return bytes;
  const strides = sizes.map((_, axis) => sizes.slice(0, axis).reduce((n, one) => n * one, width));
  const out = new Uint8Array(bytes.length);
  const index = order.map(() => 0);
  for (let at = 0; at + width <= out.length; at += width) {
    const from = order.reduce((sum, axis, i) => sum + index[i]! * strides[axis]!, 0);
    for (let b = 0; b < width; b++) out[at + b] = bytes[from + b]!;
    for (let i = 0; i < order.length && ++index[i]! === sizes[order[i]!]; i++) index[i] = 0;
  }
  return out;
}

export async function readNrrd(file: File): Promise<File> {
  const whole = new Uint8Array(await file.arrayBuffer());
  const { fields, end } = parse(whole);
  if (fields.has("datafile") || fields.has("data file"))
    throw new NiftiError(
      "The values of this NRRD file lie in another file.",
      "Save it as one .nrrd file, or import both through Upload.",
    );
  const type = TYPES.get((fields.get("type") ?? "").toLowerCase().replace(/\s+/g, " "));
  const sizes = (fields.get("sizes") ?? "").split(/\s+/).map(Number);
  if (!type || !sizes.every((n) => Number.isInteger(n) && n >= 1) || sizes.length < 2)
    throw new NiftiError("The NRRD header names no size or type of values that is known.");
  const { spatial, affine } = place(fields, sizes);
  const width = bytesOf(type);
  const needed = sizes.reduce((n, one) => n * one, width);
  let bytes = await values(fields, whole.subarray(end), needed);
  if (fields.get("endian")?.toLowerCase() === "big") bytes = reversed(bytes, width);
  const others = [...sizes.keys()].filter((axis) => !spatial.includes(axis));
  const space = [...spatial.map((axis) => sizes[axis]!), 1, 1].slice(0, 3);
  const rest = others.reduce((n, axis) => n * sizes[axis]!, 1);
  const turned =
    bytes.length < needed ? bytes : spaceFirst(bytes, sizes, [...spatial, ...others], width);
  const shape = rest > 1 ? [...space, rest] : space;
  return plainFile({ shape, type, bytes: turned, affine }, file.name);
}
