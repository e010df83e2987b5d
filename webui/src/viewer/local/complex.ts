// Complex NIfTI images as what can be looked at: magnitude, phase, real or imaginary part.
import { COMPLEX, NiftiError, swapBytes } from "../nifti";

export const PARTS = ["magnitude", "phase", "real", "imaginary"] as const;
export type ComplexPart = (typeof PARTS)[number];

/** The part that the address of a file of the service names. */
export function partOf({ volume_url = null }: { volume_url?: string | null }): ComplexPart {
  const named = /[?&]part=(\w+)/.exec(volume_url ?? "")?.[1];
  return PARTS.find((part) => part === named) ?? "magnitude";
}

/** Bytes of one number of a pair, by the type in the header. */
const WIDTHS: Record<number, 4 | 8> = { 32: 4, 1792: 8 };
const FLOAT32 = 16;

const TAKE: Record<ComplexPart, (re: number, im: number) => number> = {
  magnitude: Math.hypot,
  phase: (re, im) => Math.atan2(im, re),
  real: (re) => re,
  imaginary: (_, im) => im,
};

export function isComplexHead(head: ArrayBuffer): boolean {
  if (head.byteLength < 348) return false;
  const view = new DataView(head);
  const little = view.getInt32(0, true) === 348;
  return (little || view.getInt32(0, false) === 348) && view.getInt16(70, little) in WIDTHS;
}

/** The whole file, unpacked, as one of 32-bit numbers with one part of its values. */
export function complexPart(file: ArrayBuffer, part: ComplexPart): ArrayBuffer {
  const old = new DataView(file);
  const little = old.getInt32(0, true) === 348;
  const width = WIDTHS[old.getInt16(70, little)]!;
  const offset = Math.max(352, Math.round(old.getFloat32(108, little)) || 352);
  const rank = old.getInt16(40, little);
  let n = 1;
  for (let i = 0; i < rank; i++) n *= Math.max(1, old.getInt16(42 + 2 * i, little));
  if (file.byteLength < offset + 2 * n * width)
    throw new NiftiError(
      `The file is cut: ${offset + 2 * n * width} bytes expected, ${file.byteLength} found.`,
      "Send or convert it again.",
    );
  const pairs = new Uint8Array(file.slice(offset, offset + 2 * n * width));
  if (!little) swapBytes(pairs, width);
  const numbers = width === 4 ? new Float32Array(pairs.buffer) : new Float64Array(pairs.buffer);
  const scale = (value: number): number => (Number.isFinite(value) && value !== 0 ? value : 0);
  const slope = scale(old.getFloat32(112, little));
  const inter = slope ? scale(old.getFloat32(116, little)) : 0;
  const out = new ArrayBuffer(offset + 4 * n);
  new Uint8Array(out).set(new Uint8Array(file, 0, offset));
  const values = new DataView(out);
  const take = TAKE[part];
  for (let i = 0; i < n; i++) {
    const [re, im] = [numbers[2 * i]!, numbers[2 * i + 1]!];
    const value = slope ? take(re * slope + inter, im * slope) : take(re, im);
    values.setFloat32(offset + 4 * i, value, little);
  }
  values.setInt16(70, FLOAT32, little);
  values.setInt16(72, 32, little);
  values.setFloat32(112, 1, little);
  values.setFloat32(116, 0, little);
  new Uint8Array(out).set(new TextEncoder().encode(`${COMPLEX}\0`), 328);
  // Limits for display were those of another part.
  values.setFloat32(124, 0, little);
  values.setFloat32(128, 0, little);
  return out;
}
