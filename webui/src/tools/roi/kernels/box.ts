// Boxes of voxels inside a matrix, and masks cut to them; i runs fastest everywhere.

export type Triple = readonly [number, number, number];

/** Voxels from `low` to `high`, both included. */
export interface Box {
  low: Triple;
  high: Triple;
}

export const sizeOf = ({ low, high }: Box): Triple => [
  high[0] - low[0] + 1,
  high[1] - low[1] + 1,
  high[2] - low[2] + 1,
];

export const voxels = (shape: Triple): number => shape[0] * shape[1] * shape[2];

export const whole = (shape: Triple): Box => ({
  low: [0, 0, 0],
  high: [shape[0] - 1, shape[1] - 1, shape[2] - 1],
});

/** The part of a box, grown by a margin, that lies in the matrix; null when nothing does. */
export function clip({ low, high }: Box, shape: Triple, margin = 0): Box | null {
  const from = low.map((v) => Math.max(0, v - margin)) as unknown as Triple;
  const to = high.map((v, a) => Math.min(shape[a]! - 1, v + margin)) as unknown as Triple;
  return from.some((v, a) => v > to[a]!) ? null : { low: from, high: to };
}

export function join(a: Box | null, b: Box | null): Box | null {
  if (!a || !b) return a ?? b;
  return {
    low: a.low.map((v, i) => Math.min(v, b.low[i]!)) as unknown as Triple,
    high: a.high.map((v, i) => Math.max(v, b.high[i]!)) as unknown as Triple,
  };
}

/** Smallest box around all voxels that are on. */
export function bounds(mask: Uint8Array, [nx, ny]: Triple): Box | null {
  let at = mask.indexOf(1);
  if (at < 0) return null;
  const low = [nx, ny, Infinity];
  const high = [-1, -1, -1];
  while (at >= 0) {
    const row = Math.floor(at / nx);
    const start = row * nx;
    let end = start + nx - 1;
    while (mask[end] === 0) end--;
    const y = row % ny;
    const z = Math.floor(row / ny);
    if (at - start < low[0]!) low[0] = at - start;
    if (end - start > high[0]!) high[0] = end - start;
    if (y < low[1]!) low[1] = y;
    if (y > high[1]!) high[1] = y;
    if (z < low[2]!) low[2] = z;
    high[2] = z;
    at = mask.indexOf(1, start + nx);
  }
  return { low: low as unknown as Triple, high: high as unknown as Triple };
}

/** Copy a box out of a matrix. */
export function cut(mask: Uint8Array, [nx, ny]: Triple, box: Box): Uint8Array<ArrayBuffer> {
  const [w, h, d] = sizeOf(box);
  const out = new Uint8Array(w * h * d);
  for (let z = 0, to = 0; z < d; z++)
    for (let y = 0; y < h; y++, to += w) {
      const from = ((box.low[2] + z) * ny + box.low[1] + y) * nx + box.low[0];
      out.set(mask.subarray(from, from + w), to);
    }
  return out;
}

/** Copy a box back into a matrix. */
export function paste(mask: Uint8Array, [nx, ny]: Triple, box: Box, part: Uint8Array): void {
  const [w, h, d] = sizeOf(box);
  for (let z = 0, from = 0; z < d; z++)
    for (let y = 0; y < h; y++, from += w) {
      const to = ((box.low[2] + z) * ny + box.low[1] + y) * nx + box.low[0];
      mask.set(part.subarray(from, from + w), to);
    }
}

export function count(mask: Uint8Array): number {
  let n = 0;
  for (let i = 0; i < mask.length; i++) n += mask[i]!;
  return n;
}
