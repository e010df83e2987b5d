// How stored samples become texels, and back: value stored = texel * scale + offset.
import { halfTable, toHalf } from "./half";
import type { StoredArray } from "./nifti";
import type { Volume } from "./volume";

export type TexelKind = "u8" | "half" | "float" | "rgb" | "rgba";

export interface Packing {
  kind: TexelKind;
  /** stored = texel * scale + offset */
  scale: number;
  offset: number;
  bytesPerVoxel: number;
  pack: (stored: StoredArray) => Uint8Array | Uint16Array | Float32Array;
}

const asBytes = (a: StoredArray): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.length);
const asWords = (a: StoredArray): Uint16Array => new Uint16Array(a.buffer, a.byteOffset, a.length);

function bytes(volume: Volume): Packing {
  const signed = volume.header.dtype === "int8";
  const flip = (stored: StoredArray): Uint8Array => asBytes(stored).map((b) => b ^ 0x80);
  return {
    kind: "u8",
    scale: 255,
    offset: signed ? -128 : 0,
    bytesPerVoxel: 1,
    pack: signed ? flip : asBytes,
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
  return { kind: "half", scale: 1, offset: centre, bytesPerVoxel: 2, pack };
}

function floats(): Packing {
  const pack = (stored: StoredArray): Float32Array =>
    stored instanceof Float32Array ? stored : Float32Array.from(stored);
  return { kind: "float", scale: 1, offset: 0, bytesPerVoxel: 4, pack };
}

/** For devices that cannot filter 32-bit floats. */
function narrowed(centre: number, spread: number): Packing {
  const by = spread > 0 ? 1 / spread : 1;
  const pack = (stored: StoredArray): Uint16Array => {
    const out = new Uint16Array(stored.length);
    for (let i = 0; i < stored.length; i++) out[i] = toHalf((stored[i]! - centre) * by);
    return out;
  };
  return { kind: "half", scale: 1 / by, offset: centre, bytesPerVoxel: 2, pack };
}

export interface PackingWish {
  /** Texels are read one by one, never blended. */
  labels: boolean;
  floatLinear: boolean;
  /** Stored value in the middle of the usual window, and its width. */
  centre: number;
  spread: number;
}

/** The texel type for an image: its own where the hardware can filter it. */
export function choosePacking(volume: Volume, wish: PackingWish): Packing {
  const { dtype, channels } = volume.header;
  if (channels > 1)
    return {
      kind: channels === 3 ? "rgb" : "rgba",
      scale: 255,
      offset: 0,
      bytesPerVoxel: channels,
      pack: asBytes,
    };
  if (dtype === "uint8" || dtype === "int8") return bytes(volume);
  if (wish.labels) return floats();
  if (dtype === "int16" || dtype === "uint16") return words(volume, Math.round(wish.centre));
  return wish.floatLinear ? floats() : narrowed(wish.centre, wish.spread);
}
