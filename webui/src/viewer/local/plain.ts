// Images of other formats as plain NIfTI-1 in memory, which is what the viewer reads.
import type { Mat4 } from "../linalg";
import { NiftiError } from "../nifti";

export type Sample =
  "uint8" | "int8" | "int16" | "uint16" | "int32" | "uint32" | "float32" | "float64" | "rgb24";

const CODES: Record<Sample, readonly [code: number, bits: number]> = {
  uint8: [2, 8],
  int16: [4, 16],
  int32: [8, 32],
  float32: [16, 32],
  float64: [64, 64],
  rgb24: [128, 24],
  int8: [256, 8],
  uint16: [512, 16],
  uint32: [768, 32],
};
const OFFSET = 352;
const MOST = 32767;

export interface Plain {
  /** Three axes of space, then time. */
  shape: readonly number[];
  type: Sample;
  /** Little-endian, first axis fastest. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Voxel to world, RAS+ mm. */
  affine: Mat4;
  slope?: number;
  inter?: number;
  /** What the image is a part of, such as "phase" of complex values. */
  note?: string;
  /** What lengths and colours mean, see NiftiHeader. */
  marks?: readonly string[];
}

export const bytesOf = (type: Sample): number => CODES[type][1] / 8;

function header({
  shape,
  type,
  affine,
  slope = 1,
  inter = 0,
  note = "",
  marks = [],
}: Plain): ArrayBuffer {
  const out = new ArrayBuffer(OFFSET);
  const view = new DataView(out);
  view.setInt32(0, 348, true);
  view.setInt16(40, shape.length, true);
  for (let i = 0; i < 7; i++) view.setInt16(42 + 2 * i, shape[i] ?? 1, true);
  const [code, bits] = CODES[type];
  view.setInt16(70, code, true);
  view.setInt16(72, bits, true);
  view.setFloat32(76, 1, true);
  for (let i = 0; i < 3; i++)
    view.setFloat32(80 + 4 * i, Math.hypot(affine[i]!, affine[4 + i]!, affine[8 + i]!), true);
  view.setFloat32(92, 1, true);
  view.setFloat32(108, OFFSET, true);
  view.setFloat32(112, slope, true);
  view.setFloat32(116, inter, true);
  view.setUint8(123, 2);
  for (let i = 0; i < Math.min(79, note.length); i++) view.setUint8(148 + i, note.charCodeAt(i));
  if (marks.length)
    [..."nora ", ...marks.join(" ")].forEach((c, i) => view.setUint8(328 + i, c.charCodeAt(0)));
  view.setInt16(254, 1, true);
  for (let i = 0; i < 12; i++) view.setFloat32(280 + 4 * i, affine[i]!, true);
  view.setUint32(344, 0x312b6e00 >>> 8, true);
  return out;
}

/** The image as one file. */
export function plainFile(image: Plain, name: string): File {
  const { shape, type, bytes } = image;
  if (shape.some((n) => !(n >= 1 && n <= MOST)))
    throw new NiftiError(`The image has no size that makes sense: ${shape.join(" × ")}.`);
  const needed = shape.reduce((n, one) => n * one, 1) * bytesOf(type);
  if (bytes.length < needed)
    throw new NiftiError(
      `The file is cut: ${needed} bytes expected, ${bytes.length} found.`,
      "Copy it again from its source.",
    );
  return new File([header(image), bytes.subarray(0, needed)], name);
}

/** Turn the bytes of every sample round, in place. */
export function reversed(bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> {
  for (let at = 0; width > 1 && at + width <= bytes.length; at += width)
    bytes.subarray(at, at + width).reverse();
  return bytes;
}

/** Unpack; what the browser says of a broken stream is no sentence for a person. */
export async function unpacked(
  data: Uint8Array<ArrayBuffer>,
  format: CompressionFormat,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream(format));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new NiftiError("The packed file is damaged or cut.", "Copy it again from its source.");
  }
}
