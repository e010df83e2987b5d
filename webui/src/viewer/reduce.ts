// Small byte copies of images for 3D rendering: binned, windowed, written as NIfTI-1.
import type { Vec3 } from "./linalg";
import type { DrawLayer } from "./scene";

/** Bytes of a NIfTI-1 file holding unsigned 8-bit voxels. */
export function niftiBytes(
  shape: Vec3,
  affine: readonly number[],
  voxels: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(352 + voxels.length);
  const view = new DataView(out.buffer);
  view.setInt32(0, 348, true);
  [3, ...shape, 1, 1, 1, 1].forEach((n, i) => view.setInt16(40 + 2 * i, n, true));
  view.setInt16(70, 2, true);
  view.setInt16(72, 8, true);
  const size = (c: number): number => Math.hypot(affine[c]!, affine[4 + c]!, affine[8 + c]!);
  [1, size(0), size(1), size(2), 1].forEach((v, i) => view.setFloat32(76 + 4 * i, v, true));
  view.setFloat32(108, 352, true);
  view.setFloat32(112, 1, true);
  view.setUint8(123, 2);
  view.setInt16(254, 1, true);
  for (let i = 0; i < 12; i++) view.setFloat32(280 + 4 * i, affine[i]!, true);
  out.set([0x6e, 0x2b, 0x31], 344);
  out.set(voxels, 352);
  return out;
}

/** Affine of blocks of `bin` voxels: the centre of the first block is its origin. */
export function binnedAffine(affine: readonly number[], bin: number): number[] {
  const out = [...affine];
  for (let r = 0; r < 3; r++) {
    const shift = ((bin - 1) / 2) * (affine[4 * r]! + affine[4 * r + 1]! + affine[4 * r + 2]!);
    for (let c = 0; c < 3; c++) out[4 * r + c] = affine[4 * r + c]! * bin;
    out[4 * r + 3] = affine[4 * r + 3]! + shift;
  }
  return out;
}

/** Byte of a sample: its place in the window, or 255 for any label (or for one label). */
function toByte(layer: DrawLayer, only: number): (stored: number) => number {
  const { slope, inter } = layer.volume.header;
  const { low, high } = layer.limits;
  const per = 255 / Math.max(high - low, 1e-30);
  if (layer.mode === "labels" && only)
    return (stored) => (Math.round(stored * slope + inter) === only ? 255 : 0);
  if (layer.mode === "labels") return (stored) => (stored * slope + inter >= 0.5 ? 255 : 0);
  return (stored) => Math.min(255, Math.max(0, (stored * slope + inter - low) * per));
}

export interface Reduced {
  shape: Vec3;
  affine: number[];
  voxels: Uint8Array;
  /** Bytes of the file. */
  file: Uint8Array<ArrayBuffer>;
}

/** A copy with at most `most` voxels per axis; of a label image all labels, or `only` one. */
export function reduce(layer: DrawLayer, most: number, only = 0): Reduced {
  const { volume } = layer;
  const bin = Math.max(1, Math.ceil(Math.max(...volume.shape) / most));
  const shape = volume.shape.map((n) => Math.floor(n / bin) || 1) as unknown as Vec3;
  const voxels = new Uint8Array(shape[0] * shape[1] * shape[2]);
  const [nx, ny] = volume.shape;
  const c = volume.channels;
  const data = volume.frameSamples(layer.frame)!;
  const convert = toByte(layer, only);
  const n = bin ** 3;
  let to = 0;
  for (let k = 0; k < shape[2]; k++)
    for (let j = 0; j < shape[1]; j++)
      for (let i = 0; i < shape[0]; i++) {
        let sum = 0;
        for (let z = k * bin; z < k * bin + bin; z++)
          for (let y = j * bin; y < j * bin + bin; y++) {
            const row = (z * ny + y) * nx + i * bin;
            for (let x = 0; x < bin; x++) sum += convert(data[(row + x) * c]!);
          }
        voxels[to++] = sum / n;
      }
  const affine = binnedAffine(volume.affine, bin);
  return { shape, affine, voxels, file: niftiBytes(shape, affine, voxels) };
}
