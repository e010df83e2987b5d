// The stored values of one frame of a DICOM object that is not packed; colours as RGB.
import { NiftiError } from "../nifti";
import type { DicomObject } from "./dicomparse";
import type { Sample } from "./plain";

const [SAMPLES, PHOTOMETRIC, PLANAR] = [0x00280002, 0x00280004, 0x00280006];
const [ROWS, COLUMNS] = [0x00280010, 0x00280011];
const [ALLOCATED, STORED, SIGNED] = [0x00280100, 0x00280101, 0x00280103];
const TABLES = [0x00281101, 0x00281102, 0x00281103] as const;
/** From the description of a palette to its colours. */
const ENTRIES = 0x100;

export interface Stored {
  type: Sample;
  data:
    | Uint8Array<ArrayBuffer>
    | Int8Array<ArrayBuffer>
    | Uint16Array<ArrayBuffer>
    | Int16Array<ArrayBuffer>
    | Uint32Array<ArrayBuffer>
    | Int32Array<ArrayBuffer>
    | Float32Array<ArrayBuffer>;
}

/** How pixels have colours: "RGB", "YBR", "PALETTE"; "" for grey ones. */
export function colours(object: DicomObject): "" | "RGB" | "YBR" | "PALETTE" {
  const photometric = object.text(PHOTOMETRIC);
  if (photometric === "PALETTE COLOR") return "PALETTE";
  if ((object.short(SAMPLES) ?? 1) !== 3) return "";
  return photometric.startsWith("YBR") ? "YBR" : "RGB";
}

const size = (object: DicomObject): number =>
  (object.short(ROWS) ?? 0) * (object.short(COLUMNS) ?? 0);

/** The bytes of a frame, from a place where numbers can be read. */
function frameBytes(object: DicomObject, number: number, length: number): ArrayBuffer {
  if (object.packed)
    throw new NiftiError(
      "The values of this DICOM object are packed (such as JPEG).",
      "Import it through Upload: the service unpacks it.",
    );
  const { at, length: all } = object.pixels!;
  const from = at + number * length;
  if (from + length > Math.min(at + all, object.bytes.length))
    throw new NiftiError("The DICOM object is cut.", "Copy it again from its source.");
  return object.bytes.slice(from, from + length).buffer;
}

export function samplesOf(object: DicomObject, number: number): Stored {
  const colour = colours(object);
  if (colour) return { type: "rgb24", data: coloured(object, number, colour) };
  const bits = object.short(ALLOCATED) ?? 16;
  const signed = object.short(SIGNED) === 1;
  if (![8, 16, 32].includes(bits))
    throw new NiftiError(
      `DICOM objects with ${bits} bits in a pixel are not read here.`,
      "Import it through Upload.",
    );
  const buffer = frameBytes(object, number, (size(object) * bits) / 8);
  const data =
    bits === 8
      ? new (signed ? Int8Array : Uint8Array)(buffer)
      : bits === 16
        ? new (signed ? Int16Array : Uint16Array)(buffer)
        : new (signed ? Int32Array : Uint32Array)(buffer);
  const unused = bits - (object.short(STORED) ?? bits);
  if (unused > 0 && bits < 32) for (let i = 0; i < data.length; i++) data[i] = trimmed(data[i]!);
  return { type: `${signed ? "" : "u"}int${bits as 8 | 16 | 32}`, data };

  /** Without what was kept in the bits above the value. */
  function trimmed(value: number): number {
    const up = value << (32 - bits + unused);
    return signed ? up >> (32 - bits + unused) : up >>> (32 - bits + unused);
  }
}

function coloured(object: DicomObject, number: number, colour: "RGB" | "YBR" | "PALETTE") {
  const n = size(object);
  if (colour === "PALETTE") return fromPalette(object, number, n);
  if ((object.short(ALLOCATED) ?? 8) !== 8 || object.text(PHOTOMETRIC).endsWith("422"))
    throw new NiftiError(
      "Colours of this DICOM object are stored in a way that is not read here.",
      "Import it through Upload.",
    );
  const bytes = new Uint8Array(frameBytes(object, number, 3 * n));
  const planes = object.short(PLANAR) === 1;
  const out = new Uint8Array(3 * n);
  for (let i = 0; i < n; i++)
    for (let c = 0; c < 3; c++) out[3 * i + c] = bytes[planes ? c * n + i : 3 * i + c]!;
  return colour === "YBR" ? toRgb(out) : out;
}

/** Full-range luminance and chrominance to red, green and blue, in place. */
function toRgb(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const byte = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));
  for (let i = 0; i < data.length; i += 3) {
    const [y, b, r] = [data[i]!, data[i + 1]! - 128, data[i + 2]! - 128];
    data[i] = byte(y + 1.402 * r);
    data[i + 1] = byte(y - 0.344136 * b - 0.714136 * r);
    data[i + 2] = byte(y + 1.772 * b);
  }
  return data;
}

function fromPalette(object: DicomObject, number: number, n: number): Uint8Array<ArrayBuffer> {
  const wide = object.short(ALLOCATED) === 16;
  const buffer = frameBytes(object, number, wide ? 2 * n : n);
  const pixels = wide ? new Uint16Array(buffer) : new Uint8Array(buffer);
  const tables = TABLES.map((tag) => tableOf(object, tag));
  if (tables.some((table) => !table.length))
    throw new NiftiError("The DICOM object has no palette that is read here.", "Import it.");
  const first = object.short(TABLES[0], 1) ?? 0;
  const out = new Uint8Array(3 * n);
  for (let i = 0; i < n; i++)
    tables.forEach((table, c) => {
      const at = Math.min(table.length - 1, Math.max(0, pixels[i]! - first));
      out[3 * i + c] = table[at]!;
    });
  return out;
}

/** Colours of a palette as bytes; some writers fill only the lower half of 16 bits. */
function tableOf(object: DicomObject, tag: number): number[] {
  const entries = object.elements.get(tag + ENTRIES);
  const wide = object.short(tag, 2) === 16;
  if (!entries) return [];
  const count = object.short(tag) || 65536;
  const bytes = object.bytes.subarray(entries.at, entries.at + entries.length);
  const all = Array.from({ length: count }, (_, i) =>
    wide ? bytes[2 * i]! + 256 * bytes[2 * i + 1]! : bytes[i]!,
  );
  return all.some((value) => value > 255) ? all.map((value) => value >> 8) : all;
}
