// Erosion and dilation in the neighbourhood of six faces, four voxels at a time.
//
// Voxels outside the matrix take no part: they neither erode nor dilate. Closing first makes room
// around the mask, so that it does not stick to the border.
import type { Box, Triple } from "./box";
import { bounds, clip, cut, paste, sizeOf } from "./box";

export type Morph = "erode" | "dilate" | "open" | "close";

/** Rows of whole 32-bit words; `pad` marks the bytes of the last word beyond the row. */
interface Rows {
  words: Uint32Array;
  width: number;
  ny: number;
  nz: number;
  pad: number;
}

const ONES = 0x01010101;

function toRows(mask: Uint8Array, [nx, ny, nz]: Triple): Rows {
  const width = Math.ceil(nx / 4);
  const spare = width * 4 - nx;
  const pad = spare === 0 ? 0 : ONES << (8 * (4 - spare));
  if (spare === 0 && mask.byteOffset % 4 === 0)
    return { words: new Uint32Array(mask.slice().buffer), width, ny, nz, pad };
  const words = new Uint32Array(width * ny * nz);
  const bytes = new Uint8Array(words.buffer);
  for (let row = 0; row < ny * nz; row++)
    bytes.set(mask.subarray(row * nx, row * nx + nx), row * width * 4);
  return { words, width, ny, nz, pad };
}

function fromRows({ words, width }: Rows, [nx, ny, nz]: Triple): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(words.buffer as ArrayBuffer);
  if (width * 4 === nx) return bytes;
  const out = new Uint8Array(nx * ny * nz);
  for (let row = 0; row < ny * nz; row++)
    out.set(bytes.subarray(row * width * 4, row * width * 4 + nx), row * nx);
  return out;
}

/** Make the bytes beyond every row harmless for the next step. */
function setPad({ words, width, pad }: Rows, on: boolean): void {
  if (!pad) return;
  for (let last = width - 1; last < words.length; last += width)
    words[last] = on ? words[last]! | pad : words[last]! & ~pad;
}

function erodeOnce(from: Rows, to: Uint32Array): void {
  const { words, width, ny, nz } = from;
  setPad(from, true);
  const plane = width * ny;
  for (let z = 0, at = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      const north = y > 0 ? -width : 0;
      const south = y < ny - 1 ? width : 0;
      const below = z > 0 ? -plane : 0;
      const above = z < nz - 1 ? plane : 0;
      let left = ONES;
      let here = words[at]!;
      for (const end = at + width; at < end; at++) {
        const next = at + 1 < end ? words[at + 1]! : ONES;
        const sides = ((here << 8) | (left >>> 24)) & ((here >>> 8) | (next << 24));
        const across = words[at + north]! & words[at + south]!;
        to[at] = here & sides & across & words[at + below]! & words[at + above]!;
        left = here;
        here = next;
      }
    }
}

function dilateOnce(from: Rows, to: Uint32Array): void {
  const { words, width, ny, nz } = from;
  setPad(from, false);
  const plane = width * ny;
  for (let z = 0, at = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      const north = y > 0 ? -width : 0;
      const south = y < ny - 1 ? width : 0;
      const below = z > 0 ? -plane : 0;
      const above = z < nz - 1 ? plane : 0;
      let left = 0;
      let here = words[at]!;
      for (const end = at + width; at < end; at++) {
        const next = at + 1 < end ? words[at + 1]! : 0;
        const sides = (here << 8) | (left >>> 24) | ((here >>> 8) | (next << 24));
        const across = words[at + north]! | words[at + south]!;
        to[at] = here | sides | across | words[at + below]! | words[at + above]!;
        left = here;
        here = next;
      }
    }
}

const STEPS: Record<Morph, readonly (typeof erodeOnce)[]> = {
  erode: [erodeOnce],
  dilate: [dilateOnce],
  open: [erodeOnce, dilateOnce],
  close: [dilateOnce, erodeOnce],
};

/** The operation on a matrix that is all there is. */
function onMatrix(mask: Uint8Array, shape: Triple, what: Morph, steps: number) {
  const rows = toRows(mask, shape);
  let spare = new Uint32Array(rows.words.length);
  for (const once of STEPS[what])
    for (let n = 0; n < steps; n++) {
      once(rows, spare);
      [rows.words, spare] = [spare, rows.words as Uint32Array<ArrayBuffer>];
    }
  setPad(rows, false);
  return fromRows(rows, shape);
}

/** Where an operation can change a mask; null when nothing is on. */
export function reach(mask: Uint8Array, shape: Triple, margin: number): Box | null {
  const inner = bounds(mask, shape);
  return inner && clip(inner, shape, margin);
}

/** Closing never leaves the box around a mask, but needs room around it on the way. */
function closed(mask: Uint8Array, shape: Triple, steps: number): Uint8Array {
  const inner = bounds(mask, shape)!;
  const size = sizeOf(inner);
  const room = size.map((n) => n + 2 * steps) as unknown as Triple;
  const high = size.map((n) => n - 1 + steps) as unknown as Triple;
  const middle: Box = { low: [steps, steps, steps], high };
  const wide = new Uint8Array(room[0] * room[1] * room[2]);
  paste(wide, room, middle, cut(mask, shape, inner));
  const out = mask.slice();
  paste(out, shape, inner, cut(onMatrix(wide, room, "close", steps), room, middle));
  return out;
}

/** Apply an operation `steps` times (opening: all erosions, then all dilations). */
export function morph(mask: Uint8Array, shape: Triple, what: Morph, steps = 1): Uint8Array {
  const box = reach(mask, shape, steps + 1);
  const out = mask.slice();
  if (!box || steps < 1) return out;
  if (what === "close") return closed(mask, shape, steps);
  paste(out, shape, box, onMatrix(cut(mask, shape, box), sizeOf(box), what, steps));
  return out;
}
