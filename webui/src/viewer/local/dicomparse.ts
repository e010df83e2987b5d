// Reads the elements of a DICOM object that is not packed: a flat map, with items of sequences.
import { NiftiError } from "../nifti";
import { unpacked } from "./plain";

export type Elements = ReadonlyMap<number, Element>;

export interface Element {
  at: number;
  length: number;
  /** Items of a sequence. */
  items: Elements[];
}

const LONG = new Set([
  "OB",
  "OD",
  "OF",
  "OL",
  "OV",
  "OW",
  "SQ",
  "SV",
  "UC",
  "UN",
  "UR",
  "UT",
  "UV",
]);
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const UNDEFINED = 0xffffffff;
const PIXELS = 0x7fe00010;
const SYNTAX = 0x00020010;
const IMPLICIT = "1.2.840.10008.1.2";
const EXPLICIT = "1.2.840.10008.1.2.1";
const DEFLATED = "1.2.840.10008.1.2.1.99";
/** Sequences that tell where frames lie and how they are scaled, with what is in them. */
const SEQUENCES = new Set([0x52009229, 0x52009230, 0x00209113, 0x00209116, 0x00289110, 0x00289145]);
const DEEPEST = 8;

class Reader {
  readonly view: DataView;
  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly explicit: boolean,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  tag(at: number): number {
    return this.view.getUint16(at, true) * 65536 + this.view.getUint16(at + 2, true);
  }

  /** Where the value of an element begins, and how long it is. */
  head(at: number): { tag: number; vr: string; from: number; length: number } {
    const tag = this.tag(at);
    if (!this.explicit || tag >= ITEM)
      return { tag, vr: "", from: at + 8, length: this.view.getUint32(at + 4, true) };
    const vr = String.fromCharCode(this.bytes[at + 4]!, this.bytes[at + 5]!);
    if (LONG.has(vr)) return { tag, vr, from: at + 12, length: this.view.getUint32(at + 8, true) };
    return { tag, vr, from: at + 8, length: this.view.getUint16(at + 6, true) };
  }

  /** Elements up to an end, or to the mark of it; gives where they stop. */
  elements(start: number, end: number, depth = 0): { found: Elements; at: number } {
    const found = new Map<number, Element>();
    let at = start;
    while (at + 8 <= end) {
      const { tag, vr, from, length } = this.head(at);
      if (tag === ITEM_END || tag === SEQUENCE_END) return { found, at: from };
      const element: Element = { at: from, length, items: [] };
      found.set(tag, element);
      if (tag === PIXELS) return { found, at: end };
      const nested = length === UNDEFINED || vr === "SQ" || SEQUENCES.has(tag);
      at = nested && depth < DEEPEST ? this.items(element, end, depth) : from + length;
    }
    return { found, at };
  }

  private items(sequence: Element, end: number, depth: number): number {
    const stop = sequence.length === UNDEFINED ? end : Math.min(end, sequence.at + sequence.length);
    let at = sequence.at;
    while (at + 8 <= stop) {
      const { tag, from, length } = this.head(at);
      if (tag !== ITEM) return tag === SEQUENCE_END ? from : stop;
      const inner = length === UNDEFINED ? stop : Math.min(stop, from + length);
      const { found, at: next } = this.elements(from, inner, depth + 1);
      sequence.items.push(found);
      at = length === UNDEFINED ? next : inner;
    }
    return at;
  }
}

const ascii = (bytes: Uint8Array): string =>
  String.fromCharCode(...bytes)
    .replace(/[\0 ]+$/, "")
    .trim();

/** One object: its bytes, unpacked where the whole of it was, and its elements. */
export class DicomObject {
  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly elements: Elements,
    readonly syntax: string,
  ) {}

  text(tag: number, within: Elements = this.elements): string {
    const element = within.get(tag);
    return element ? ascii(this.bytes.subarray(element.at, element.at + element.length)) : "";
  }

  /** Numbers written in decimals, with backslashes between them. */
  decimals(tag: number, within?: Elements): number[] | null {
    const text = this.text(tag, within);
    const found = text ? text.split("\\").map(Number) : [];
    return found.length && found.every(Number.isFinite) ? found : null;
  }

  /** A number of 16 bits. */
  short(tag: number, at = 0): number | null {
    const element = this.elements.get(tag);
    if (!element || element.length < 2 * at + 2) return null;
    return this.bytes[element.at + 2 * at]! + 256 * this.bytes[element.at + 2 * at + 1]!;
  }

  get pixels(): Element | undefined {
    return this.elements.get(PIXELS);
  }

  /** Whether values are stored frame by frame, as they are. */
  get packed(): boolean {
    return ![IMPLICIT, EXPLICIT, DEFLATED].includes(this.syntax);
  }
}

/** Whether the bytes begin as an object does, with or without the preamble. */
export function isDicom(bytes: Uint8Array): boolean {
  if (ascii(bytes.subarray(128, 132)) === "DICM") return true;
  return bytes.length > 8 && bytes[0] === 8 && bytes[1] === 0 && bytes[3] === 0;
}

export async function parseDicom(bytes: Uint8Array<ArrayBuffer>): Promise<DicomObject> {
  try {
    if (ascii(bytes.subarray(128, 132)) !== "DICM") return bare(bytes);
    const meta = new Reader(bytes, true);
    let at = 132;
    let syntax = IMPLICIT;
    while (at + 8 <= bytes.length && meta.view.getUint16(at, true) === 2) {
      const { tag, from, length } = meta.head(at);
      if (tag === SYNTAX) syntax = ascii(bytes.subarray(from, from + length));
      at = from + length;
    }
    if (syntax === DEFLATED) {
      const plain = await inflated(bytes.slice(at));
      return new DicomObject(
        plain,
        new Reader(plain, true).elements(0, plain.length).found,
        syntax,
      );
    }
    const { found } = new Reader(bytes, syntax !== IMPLICIT).elements(at, bytes.length);
    return new DicomObject(bytes, found, syntax);
  } catch (error) {
    if (error instanceof NiftiError) throw error;
    throw new NiftiError("The DICOM object is damaged.", "Copy it again from its source.");
  }
}

/** Objects end on even places: a null may follow the packed part, which unpackers call junk. */
async function inflated(packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const padded = packed.at(-1) === 0;
  return unpacked(packed, "deflate-raw").catch((error: unknown) => {
    if (padded) return unpacked(packed.slice(0, -1), "deflate-raw");
    throw error;
  });
}

/** An object without preamble and header: its letters tell whether types are written. */
function bare(bytes: Uint8Array<ArrayBuffer>): DicomObject {
  const explicit = /^[A-Z]{2}$/.test(ascii(bytes.subarray(4, 6)));
  const { found } = new Reader(bytes, explicit).elements(0, bytes.length);
  return new DicomObject(bytes, found, explicit ? EXPLICIT : IMPLICIT);
}
