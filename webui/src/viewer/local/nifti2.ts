// The larger NIfTI-2 header as the one of NIfTI-1; the values stay as they are.
import { NiftiError } from "../nifti";

const HEADER = 540;
const OFFSET = 352;
/** Places of 64-bit numbers in the old header and of 32-bit ones in the new. */
const FLOATS: readonly (readonly [from: number, to: number, n: number])[] = [
  [104, 76, 8], // voxel sizes and time between images
  [176, 112, 2], // slope and intercept
  [192, 124, 2], // limits for display
  [352, 256, 6], // qform
  [400, 280, 12], // sform
];

export const isNifti2Head = (head: ArrayBuffer): boolean =>
  head.byteLength >= 4 && [true, false].some((le) => new DataView(head).getInt32(0, le) === HEADER);

export function asNifti1(file: ArrayBuffer): ArrayBuffer {
  if (file.byteLength < HEADER) throw new NiftiError("The file is too short for a NIfTI header.");
  const old = new DataView(file);
  const le = old.getInt32(0, true) === HEADER;
  const dims = Array.from({ length: 8 }, (_, i) => Number(old.getBigInt64(16 + 8 * i, le)));
  const from = Number(old.getBigInt64(168, le));
  if (dims.some((n) => n > 32767))
    throw new NiftiError("The image is longer than 32767 voxels.", "Import it through Upload.");
  if (!(from >= HEADER && from <= file.byteLength))
    throw new NiftiError(
      "The file ends before its values begin.",
      "Copy it from its source again.",
    );
  const out = new Uint8Array(OFFSET + file.byteLength - from);
  out.set(new Uint8Array(file, from), OFFSET);
  const head = new DataView(out.buffer);
  head.setInt32(0, 348, le);
  dims.forEach((n, i) => head.setInt16(40 + 2 * i, n, le));
  head.setInt16(70, old.getInt16(12, le), le);
  head.setInt16(72, old.getInt16(14, le), le);
  for (const [at, to, n] of FLOATS)
    for (let i = 0; i < n; i++) head.setFloat32(to + 4 * i, old.getFloat64(at + 8 * i, le), le);
  head.setFloat32(108, OFFSET, le);
  head.setUint8(123, old.getInt32(500, le));
  head.setInt16(252, old.getInt32(344, le), le);
  head.setInt16(254, old.getInt32(348, le), le);
  out.set([0x6e, 0x2b, 0x31, 0], 344);
  return out.buffer;
}
