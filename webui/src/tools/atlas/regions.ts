// What a label map holds: where each label lies and how large it is, and a table of its colours.

export interface Region {
  value: number;
  n: number;
  /** Voxel in the middle, or the first one where the middle lies outside of the region. */
  voxel: readonly [number, number, number];
}

interface Samples {
  data: ArrayLike<number>;
  shape: readonly [number, number, number];
  slope: number;
  inter: number;
}

const MOST_DENSE = 1 << 20;

/** Every label of a frame, smallest first; 0 and negative numbers are background. */
export function regionsOf({ data, shape, slope, inter }: Samples): Region[] {
  const [nx, ny, nz] = shape;
  const total = nx * ny * nz;
  const plain = slope === 1 && inter === 0;
  const label = (i: number): number => (plain ? data[i]! : Math.round(data[i]! * slope + inter));
  const found = new Map<number, number>();
  const slots = new Int32Array(MOST_DENSE).fill(-1);
  const sums: { value: number; n: number; x: number; y: number; z: number; first: number }[] = [];
  const slotOf = (value: number): number => {
    const dense = value < MOST_DENSE && Number.isInteger(value);
    const known = dense ? slots[value]! : (found.get(value) ?? -1);
    if (known >= 0) return known;
    const slot = sums.push({ value, n: 0, x: 0, y: 0, z: 0, first: -1 }) - 1;
    if (dense) slots[value] = slot;
    else found.set(value, slot);
    return slot;
  };
  for (let k = 0, i = 0; k < nz; k++)
    for (let j = 0; j < ny; j++)
      for (let x = 0; x < nx; x++, i++) {
        const value = label(i);
        if (!(value > 0)) continue;
        const sum = sums[slotOf(Math.round(value))]!;
        if (sum.n++ === 0) sum.first = i;
        sum.x += x;
        sum.y += j;
        sum.z += k;
      }
  const at = (i: number): [number, number, number] => [
    i % nx,
    Math.floor(i / nx) % ny,
    Math.floor(i / (nx * ny)),
  ];
  return sums
    .map(({ value, n, x, y, z, first }): Region => {
      const middle: [number, number, number] = [x, y, z].map((s) => Math.round(s / n)) as never;
      const index = middle[0] + nx * (middle[1] + ny * middle[2]);
      const inside = index < total && Math.round(label(index)) === value;
      return { value, n, voxel: inside ? middle : at(first) };
    })
    .sort((a, b) => a.value - b.value);
}

/** RGBA of labels by their number: 256 entries, or 65 536 when there are larger ones. */
export function paletteTable(
  colours: ReadonlyMap<number, string>,
  isShown: (value: number) => boolean,
): Uint8Array {
  const largest = Math.max(0, ...colours.keys());
  const size = largest > 255 ? 65_536 : 256;
  const out = new Uint8Array(4 * size);
  for (const [value, colour] of colours) {
    if (!isShown(value)) continue;
    const at = 4 * (value % size);
    for (let c = 0; c < 3; c++) out[at + c] = parseInt(colour.slice(1 + 2 * c, 3 + 2 * c), 16);
    out[at + 3] = 255;
  }
  return out;
}

/** 1 where a frame has one of the labels. */
export function maskOf(samples: Samples, values: ReadonlySet<number>): Uint8Array {
  const { data, shape, slope, inter } = samples;
  const out = new Uint8Array(shape[0] * shape[1] * shape[2]);
  for (let i = 0; i < out.length; i++)
    out[i] = Number(values.has(Math.round(data[i]! * slope + inter)));
  return out;
}
