// Erosion and dilation in the neighbourhood of six faces, 32 voxels at a time.
//
// Voxels outside the matrix take no part: they neither erode nor dilate. Closing first makes room
// around the mask, so that it does not stick to the border.
import type { BitRows, Part } from "./bitrows";
import { pack, shiftedDown, shiftedUp, unpack } from "./bitrows";
import type { Triple } from "./box";

export type Morph = "erode" | "dilate" | "open" | "close";

/** Make the bits beyond every row harmless for the next step. */
function setSpare({ words, width, spare }: BitRows, on: boolean): void {
  if (!spare) return;
  for (let last = width - 1; last < words.length; last += width)
    words[last] = on ? words[last]! | spare : words[last]! & ~spare;
}

function erodeOnce(from: BitRows, to: Uint32Array): void {
  setSpare(from, true);
  const { words, width, ny, nz } = from;
  const plane = width * ny;
  for (let z = 0, at = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      const north = y > 0 ? -width : 0;
      const south = y < ny - 1 ? width : 0;
      const below = z > 0 ? -plane : 0;
      const above = z < nz - 1 ? plane : 0;
      let left = -1;
      let here = words[at]! | 0;
      for (const end = at + width; at < end; at++) {
        const next = at + 1 < end ? words[at + 1]! | 0 : -1;
        if (here === 0) to[at] = 0;
        else {
          const sides = shiftedUp(here, left) & shiftedDown(here, next);
          const across = words[at + north]! & words[at + south]!;
          to[at] = here & sides & across & words[at + below]! & words[at + above]!;
        }
        left = here;
        here = next;
      }
    }
}

function dilateOnce(from: BitRows, to: Uint32Array): void {
  setSpare(from, false);
  const { words, width, ny, nz } = from;
  const plane = width * ny;
  for (let z = 0, at = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      const north = y > 0 ? -width : 0;
      const south = y < ny - 1 ? width : 0;
      const below = z > 0 ? -plane : 0;
      const above = z < nz - 1 ? plane : 0;
      let left = 0;
      let here = words[at]! | 0;
      for (const end = at + width; at < end; at++) {
        const next = at + 1 < end ? words[at + 1]! | 0 : 0;
        const sides = shiftedUp(here, left) | shiftedDown(here, next);
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

/** Planes that an operation can change, and one more where the matrix goes on; null: none. */
function reached(mask: Uint8Array, shape: Triple, what: Morph, steps: number): Part | null {
  const first = mask.indexOf(1);
  if (first < 0) return null;
  const plane = shape[0] * shape[1];
  const low = Math.floor(first / plane);
  const high = Math.floor(mask.lastIndexOf(1) / plane);
  // Closing never leaves the mask's own planes, but needs room around them on the way.
  if (what === "close") return { shape, low, high, room: steps };
  const margin = steps + 1;
  const last = shape[2] - 1;
  return { shape, low: Math.max(0, low - margin), high: Math.min(last, high + margin), room: 0 };
}

/** Apply an operation `steps` times (opening: all erosions, then all dilations). */
export function morph(mask: Uint8Array, shape: Triple, what: Morph, steps = 1): Uint8Array {
  const out = mask.slice();
  const part = steps < 1 ? null : reached(mask, shape, what, steps);
  if (!part) return out;
  const rows = pack(mask, part);
  const before = rows.words.slice();
  let spare = new Uint32Array(before.length);
  for (const once of STEPS[what])
    for (let n = 0; n < steps; n++) {
      once(rows, spare);
      [rows.words, spare] = [spare, rows.words];
    }
  setSpare(rows, false);
  unpack(rows, before, part, out);
  return out;
}
