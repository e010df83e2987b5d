// FreeSurfer's MGH and MGZ as plain images.
import type { Mat4, Vec3 } from "../linalg";
import { NiftiError } from "../nifti";
import { bytesOf, plainFile, reversed, unpacked, type Sample } from "./plain";

const TYPES: Record<number, Sample> = { 0: "uint8", 1: "int32", 3: "float32", 4: "int16" };
const HEADER = 284;

/** Voxel sizes, directions and the middle of the image, as the header has them. */
function affineOf(view: DataView, shape: Vec3): Mat4 {
  const f = (at: number): number => view.getFloat32(at, false);
  if (view.getInt16(28, false) !== 1) {
    // Without directions: coronal slices of one millimetre, as FreeSurfer takes it.
    const [x, y, z] = shape.map((n) => n / 2) as unknown as Vec3;
    return [-1, 0, 0, x, 0, 0, 1, -z, 0, -1, 0, y, 0, 0, 0, 1];
  }
  const sizes = [f(30), f(34), f(38)];
  const m = Array.from({ length: 12 }, () => 0);
  for (let row = 0; row < 3; row++) {
    for (let axis = 0; axis < 3; axis++)
      m[4 * row + axis] = f(42 + 12 * axis + 4 * row) * sizes[axis]!;
    const middle = shape.reduce((sum, n, axis) => sum + (m[4 * row + axis]! * n) / 2, 0);
    m[4 * row + 3] = f(78 + 4 * row) - middle;
  }
  return [...m, 0, 0, 0, 1];
}

export async function readMgh(file: File): Promise<File> {
  let bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = await unpacked(bytes, "gzip");
  if (bytes.length < HEADER) throw new NiftiError("The file is too short for an MGH header.");
  const view = new DataView(bytes.buffer);
  const [version, nx, ny, nz, frames, kind] = [0, 4, 8, 12, 16, 20].map((at) =>
    view.getInt32(at, false),
  ) as [number, number, number, number, number, number];
  const type = TYPES[kind];
  if (version !== 1 || !type)
    throw new NiftiError("This is not an MGH file, or one with an unknown type of values.");
  const affine = affineOf(view, [nx, ny, nz]);
  const samples = reversed(bytes.slice(HEADER), bytesOf(type));
  const shape = frames > 1 ? [nx, ny, nz, frames] : [nx, ny, nz];
  return plainFile({ shape, type, bytes: samples, affine }, file.name);
}
