// MRC and CCP4 maps, the volumes of electron tomography, as plain images: one Ångström is a unit.
import type { Mat4, Vec3 } from "../linalg";
import { NiftiError } from "../nifti";
import { fromHalf } from "../half";
import { plainFile, reversed, unpacked, type Sample } from "./plain";

const HEADER = 1024;
const TYPES: Record<number, Sample> = { 0: "int8", 1: "int16", 2: "float32", 6: "uint16" };
const HALF = 12;
const BYTES: Partial<Record<Sample, number>> = { int8: 1, int16: 2, float32: 4, uint16: 2 };
/** At byte 208, in every file since 2000. */
const MAP = 0x4d415020;

/** For x, y and z the axis of the file (0 fastest) that holds it. */
function orderOf(stored: readonly number[]): Vec3 {
  const found = [1, 2, 3].map((axis) => stored.indexOf(axis));
  return found.includes(-1) ? [0, 1, 2] : (found as unknown as Vec3);
}

function affineOf(f: (at: number) => number, i: (at: number) => number, order: Vec3): Mat4 {
  const steps = [0, 1, 2].map((axis) => {
    const step = f(40 + 4 * axis) / i(28 + 4 * axis);
    return Number.isFinite(step) && step > 0 ? step : 1;
  });
  let origin = [0, 1, 2].map((axis) => f(196 + 4 * axis));
  if (origin.every((x) => x === 0)) origin = order.map((at, axis) => i(16 + 4 * at) * steps[axis]!);
  const [x, y, z] = origin.map((value) => (Number.isFinite(value) ? value : 0)) as [
    number,
    number,
    number,
  ];
  return [steps[0]!, 0, 0, x, 0, steps[1]!, 0, y, 0, 0, steps[2]!, z, 0, 0, 0, 1];
}

/** Samples with x fastest, then y, then z. */
function turned(
  bytes: Uint8Array<ArrayBuffer>,
  width: number,
  stored: Vec3,
  order: Vec3,
): Uint8Array<ArrayBuffer> {
  if (order.every((at, axis) => at === axis)) return bytes;
  const strides = [1, stored[0], stored[0] * stored[1]];
  const [nx, ny, nz] = order.map((at) => stored[at]!) as [number, number, number];
  const [sx, sy, sz] = order.map((at) => strides[at]!) as [number, number, number];
  const out = new Uint8Array(bytes.length);
  let to = 0;
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, to += width) {
        const from = (x * sx + y * sy + z * sz) * width;
        for (let b = 0; b < width; b++) out[to + b] = bytes[from + b]!;
      }
  return out;
}

/** Half floats in full. */
function widened(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  return new Uint8Array(Float32Array.from(halves, fromHalf).buffer);
}

/** A file that begins as these maps do. */
export function isMrcHead(head: Uint8Array): boolean {
  return head.length >= 212 && new DataView(head.buffer, head.byteOffset).getUint32(208) === MAP;
}

export async function readMrc(file: File): Promise<File> {
  let bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = await unpacked(bytes, "gzip");
  if (bytes.length < HEADER) throw new NiftiError("The file is too short for an MRC header.");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  // Machine stamp: 0x44 little, 0x11 big.
  const little = view.getUint8(212) !== 0x11;
  const i = (at: number): number => view.getInt32(at, little);
  const f = (at: number): number => view.getFloat32(at, little);
  const mode = i(12);
  const half = mode === HALF;
  const type = half ? "uint16" : TYPES[mode];
  if (!type) throw new NiftiError(`MRC values of mode ${mode} are not read.`, "Convert the map.");
  const stored: Vec3 = [i(0), i(4), i(8)];
  const order = orderOf([i(64), i(68), i(72)]);
  const width = BYTES[type]!;
  const from = HEADER + Math.max(0, i(92));
  const length = stored.reduce((n, one) => n * Math.max(0, one), width);
  const samples = bytes.slice(from, from + length);
  if (samples.length < length)
    throw new NiftiError(
      `The file is cut: ${from + length} bytes expected, ${bytes.length} found.`,
      "Copy it again from its source.",
    );
  const inOrder = turned(little ? samples : reversed(samples, width), width, stored, order);
  const shape = order.map((at) => stored[at]!);
  const plain = half
    ? { type: "float32" as const, bytes: widened(inOrder) }
    : { type, bytes: inOrder };
  return plainFile({ shape, ...plain, affine: affineOf(f, i, order), marks: ["A"] }, file.name);
}
