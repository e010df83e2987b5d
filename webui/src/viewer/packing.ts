// How stored samples become texels, and back: value stored = texel * scale + offset.
import { fromHalf, halfTable, toHalf } from "./half";
import { tooCoarse } from "./mapping";
import type { StoredArray } from "./nifti";
import type { Limits } from "./types";
import type { Volume } from "./volume";

export type TexelKind = "u8" | "half" | "float" | "rgb" | "rgba";

export interface Packing {
  kind: TexelKind;
  /** stored = texel * scale + offset */
  scale: number;
  offset: number;
  bytesPerVoxel: number;
  pack: (stored: StoredArray) => Uint8Array | Uint16Array | Float32Array;
  /** A stored value as the shader sees it. */
  texel: (stored: number) => number;
}

const asBytes = (a: StoredArray): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.length);
const asWords = (a: StoredArray): Uint16Array => new Uint16Array(a.buffer, a.byteOffset, a.length);

function bytes(volume: Volume): Packing {
  const signed = volume.header.dtype === "int8";
  const offset = signed ? -128 : 0;
  const flip = (stored: StoredArray): Uint8Array => asBytes(stored).map((b) => b ^ 0x80);
  return {
    kind: "u8",
    scale: 255,
    offset,
    bytesPerVoxel: 1,
    pack: signed ? flip : asBytes,
    texel: (stored) => (stored - offset) / 255,
  };
}

function words(volume: Volume, centre: number): Packing {
  const table = halfTable(volume.header.dtype === "int16", centre);
  const pack = (stored: StoredArray): Uint16Array => {
    const source = asWords(stored);
    const out = new Uint16Array(source.length);
    for (let i = 0; i < source.length; i++) out[i] = table[source[i]!]!;
    return out;
  };
  const texel = (stored: number): number => fromHalf(toHalf(stored - centre));
  return { kind: "half", scale: 1, offset: centre, bytesPerVoxel: 2, pack, texel };
}

/** 32-bit floats less `centre`: wide integers keep their differences. */
function floats(volume: Volume, centre: number): Packing {
  const offset = volume.header.dtype === "float32" ? 0 : centre;
  const pack = (stored: StoredArray): Float32Array => {
    if (stored instanceof Float32Array) return stored;
    const out = new Float32Array(stored.length);
    for (let i = 0; i < stored.length; i++) out[i] = stored[i]! - offset;
    return out;
  };
  const texel = (stored: number): number => Math.fround(stored - offset);
  return { kind: "float", scale: 1, offset, bytesPerVoxel: 4, pack, texel };
}

/** For devices that cannot filter 32-bit floats. */
function narrowed(centre: number, spread: number): Packing {
  const by = spread > 0 ? 1 / spread : 1;
  const pack = (stored: StoredArray): Uint16Array => {
    const out = new Uint16Array(stored.length);
    for (let i = 0; i < stored.length; i++) out[i] = toHalf((stored[i]! - centre) * by);
    return out;
  };
  const texel = (stored: number): number => fromHalf(toHalf((stored - centre) * by));
  return { kind: "half", scale: 1 / by, offset: centre, bytesPerVoxel: 2, pack, texel };
}

/** Which of the 255 colours a label has, for any whole number; 0: not drawn. */
export const labelIndex = (label: number): number =>
  label >= 0.5 ? 1 + ((Math.round(label) - 1) % 255) : 0;

/** Labels of any size: colour in red, the label's low 24 bits in the rest, so that edges are exact. */
function labels(volume: Volume): Packing {
  const { slope, inter, dtype } = volume.header;
  if (dtype === "uint8" && slope === 1 && inter === 0) return bytes(volume);
  const pack = (stored: StoredArray): Uint8Array => {
    const out = new Uint8Array(4 * stored.length);
    for (let i = 0, to = 0; i < stored.length; i++, to += 4) {
      const label = Math.round(stored[i]! * slope + inter);
      const index = labelIndex(label);
      if (index === 0) continue;
      out[to] = index;
      out[to + 1] = label % 256;
      out[to + 2] = Math.floor(label / 256) % 256;
      out[to + 3] = Math.floor(label / 65536) % 256;
    }
    return out;
  };
  const texel = (stored: number): number => labelIndex(stored * slope + inter) / 255;
  return { kind: "rgba", scale: 255, offset: 0, bytesPerVoxel: 4, pack, texel };
}

export interface PackingWish {
  /** Texels are read one by one, never blended. */
  labels: boolean;
  floatLinear: boolean;
  /** Stored value in the middle of the usual window, and its width. */
  centre: number;
  spread: number;
  /** The window in stored values, when it may be far from the usual one. */
  window?: Limits;
}

function colours(channels: number): Packing {
  return {
    kind: channels === 3 ? "rgb" : "rgba",
    scale: 255,
    offset: 0,
    bytesPerVoxel: channels,
    pack: asBytes,
    texel: (stored) => stored / 255,
  };
}

/** The texel type for an image: its own where the hardware can filter it. */
export function choosePacking(volume: Volume, wish: PackingWish): Packing {
  const { dtype, channels } = volume.header;
  if (channels > 1) return colours(channels);
  if (wish.labels) return labels(volume);
  if (dtype === "uint8" || dtype === "int8") return bytes(volume);
  const centre = Math.round(wish.centre);
  const short = dtype === "int16" || dtype === "uint16";
  const fine = !wish.window || !wish.floatLinear || !tooCoarse(wish.window, centre);
  if (short && fine) return words(volume, centre);
  return wish.floatLinear ? floats(volume, centre) : narrowed(wish.centre, wish.spread);
}
