// Writes a mask as NIfTI-1 in the page; what is saved on the service is written there.
import { markOf } from "../../viewer";
import type { Geometry } from "./roi.svelte";

const HEADER = 352;
const CODE_SCANNER = 1;

/** Header of a mask, unsigned 8-bit; position and codes as in the header of the reference. */
export function maskHeader(geometry: Geometry): Uint8Array<ArrayBuffer> {
  const { shape, frames } = geometry;
  const out = new Uint8Array(HEADER);
  const view = new DataView(out.buffer);
  if (geometry.raw) out.set(geometry.raw);
  else place(view, geometry);
  view.setInt32(0, 348, true);
  const rank = frames > 1 ? 4 : 3;
  [rank, ...shape, frames, 1, 1, 1].forEach((n, i) => view.setInt16(40 + 2 * i, n, true));
  view.setInt16(70, 2, true);
  view.setInt16(72, 8, true);
  view.setFloat32(108, HEADER, true);
  view.setFloat32(112, 1, true);
  [116, 124, 128].forEach((at) => view.setFloat32(at, 0, true));
  out.set([0x6e, 0x2b, 0x31, 0], 344);
  return out;
}

/** Bytes of a .nii. */
export function maskFile(geometry: Geometry, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(HEADER + data.length);
  out.set(maskHeader(geometry));
  out.set(data, HEADER);
  return out;
}

/** Position of a mask that has no header to copy from. */
function place(view: DataView, { affine, frameSeconds, length }: Geometry): void {
  const size = (c: number): number => Math.hypot(affine[c]!, affine[4 + c]!, affine[8 + c]!);
  const steps = [1, size(0), size(1), size(2), frameSeconds];
  steps.forEach((v, i) => view.setFloat32(76 + 4 * i, v, true));
  view.setUint8(123, 2 | 8);
  view.setInt16(254, CODE_SCANNER, true);
  for (let i = 0; i < 12; i++) view.setFloat32(280 + 4 * i, affine[i]!, true);
  const mark = markOf(length ?? "mm");
  if (mark) [...`nora ${mark}`].forEach((c, i) => view.setUint8(328 + i, c.charCodeAt(0)));
}

export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** One bit per voxel, lowest bit first; every time point begins at a byte. */
export function bits(data: Uint8Array, perFrame: number): Uint8Array<ArrayBuffer> {
  const frames = data.length / perFrame;
  const bytes = Math.ceil(perFrame / 8);
  const out = new Uint8Array(bytes * frames);
  for (let t = 0; t < frames; t++)
    for (let i = 0; i < perFrame; i++)
      if (data[t * perFrame + i]) out[t * bytes + (i >> 3)]! |= 1 << (i & 7);
  return out;
}

/** Voxels from bits: the way back. */
export function unbits(
  packed: Uint8Array,
  perFrame: number,
  frames: number,
): Uint8Array<ArrayBuffer> {
  const bytes = Math.ceil(perFrame / 8);
  const out = new Uint8Array(perFrame * frames);
  for (let t = 0; t < frames; t++)
    for (let i = 0; i < perFrame; i++)
      out[t * perFrame + i] = (packed[t * bytes + (i >> 3)]! >> (i & 7)) & 1;
  return out;
}

/** Base64 of many bytes. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  const STEP = 0x8000;
  for (let i = 0; i < bytes.length; i += STEP)
    text += String.fromCharCode(...bytes.subarray(i, i + STEP));
  return btoa(text);
}
