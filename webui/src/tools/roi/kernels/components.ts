// Connected parts of a mask in the neighbourhood of six faces, found through runs along rows.
import type { Triple } from "./box";
import { NumberList } from "./runs";

/** Runs row by row: voxels start..end-1 (flat), and the first run of each row. */
export interface RowRuns {
  start: Uint32Array;
  end: Uint32Array;
  /** Runs first[row] to first[row + 1] - 1 lie in a row. */
  first: Uint32Array;
}

export interface Parts extends RowRuns {
  /** Part of each run, 0 for the largest. */
  part: Uint32Array;
  /** Voxels of each part, falling; equal ones in the order of their first voxel. */
  sizes: number[];
}

/** Runs of voxels that are on (or off). */
export function rowRuns(mask: Uint8Array, [nx, ny, nz]: Triple, on: 0 | 1 = 1): RowRuns {
  const start = new NumberList();
  const end = new NumberList();
  const first = new Uint32Array(ny * nz + 1);
  const off = 1 - on;
  for (let row = 0; row < ny * nz; row++) {
    first[row] = start.length;
    const stop = (row + 1) * nx;
    for (let at = row * nx; at < stop;) {
      while (at < stop && mask[at] === off) at++;
      if (at === stop) break;
      start.push(at);
      while (at < stop && mask[at] === on) at++;
      end.push(at);
    }
  }
  first[ny * nz] = start.length;
  return { start: start.values, end: end.values, first };
}

function root(parent: Uint32Array, i: number): number {
  while (parent[i] !== i) i = parent[i] = parent[parent[i]!]!;
  return i;
}

/** Unite the runs of two rows that touch; `shift` is how far apart the rows lie. */
function unite(runs: RowRuns, parent: Uint32Array, row: number, other: number, shift: number) {
  const { start, end, first } = runs;
  let a = first[row]!;
  let b = first[other]!;
  const lastA = first[row + 1]!;
  const lastB = first[other + 1]!;
  while (a < lastA && b < lastB) {
    const beginB = start[b]! + shift;
    const endB = end[b]! + shift;
    if (start[a]! < endB && beginB < end[a]!) {
      const x = root(parent, a);
      const y = root(parent, b);
      if (x < y) parent[y] = x;
      else parent[x] = y;
    }
    if (end[a]! < endB) a++;
    else b++;
  }
}

/** Root run of every run; a root is the first run of its part. */
function united(runs: RowRuns, [nx, ny, nz]: Triple): Uint32Array {
  const parent = new Uint32Array(runs.start.length);
  for (let i = 0; i < parent.length; i++) parent[i] = i;
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      const row = z * ny + y;
      if (y > 0) unite(runs, parent, row, row - 1, nx);
      if (z > 0) unite(runs, parent, row, row - ny, nx * ny);
    }
  for (let i = 0; i < parent.length; i++) parent[i] = root(parent, i);
  return parent;
}

/** Number the parts of a mask by size. */
export function parts(mask: Uint8Array, shape: Triple, on: 0 | 1 = 1): Parts {
  const runs = rowRuns(mask, shape, on);
  const parent = united(runs, shape);
  const size = new Uint32Array(parent.length);
  const roots: number[] = [];
  for (let i = 0; i < parent.length; i++) {
    const own = parent[i]!;
    if (own === i) roots.push(i);
    size[own]! += runs.end[i]! - runs.start[i]!;
  }
  // Roots come in the order of their first voxel, and sorting is stable.
  const order = roots.sort((a, b) => size[b]! - size[a]!);
  const rank = new Uint32Array(parent.length);
  order.forEach((rootRun, i) => (rank[rootRun] = i));
  const part = parent.map((rootRun) => rank[rootRun]!);
  return { ...runs, part, sizes: order.map((rootRun) => size[rootRun]!) };
}

/** Switch a run on; calling for help is not worth it when the run is short. */
function paint(out: Uint8Array, start: number, end: number): void {
  if (end - start > 24) out.fill(1, start, end);
  else for (let at = start; at < end; at++) out[at] = 1;
}

/** A mask of the parts that a test lets through. */
export function keepParts(found: Parts, length: number, keep: (part: number) => boolean) {
  const out = new Uint8Array(length);
  const kept = found.sizes.map((_, part) => keep(part));
  for (let i = 0; i < found.part.length; i++)
    if (kept[found.part[i]!]) paint(out, found.start[i]!, found.end[i]!);
  return out;
}

/** Remove parts of at most `threshold` voxels. */
export function removeSalt(mask: Uint8Array, shape: Triple, threshold = 100): Uint8Array {
  const found = parts(mask, shape);
  return keepParts(found, mask.length, (part) => found.sizes[part]! > threshold);
}

export function keepLargest(mask: Uint8Array, shape: Triple, n = 1): Uint8Array {
  return keepParts(parts(mask, shape), mask.length, (part) => part < n);
}

/** Part that holds a voxel, null when the voxel is off. */
export function partAt(found: Parts, voxel: number): number | null {
  const i = found.start.findIndex((from, run) => from <= voxel && voxel < found.end[run]!);
  return i < 0 ? null : found.part[i]!;
}

/** Keep only the part that holds a voxel; nothing changes when the voxel is off. */
export function keepAt(mask: Uint8Array, shape: Triple, voxel: number): Uint8Array {
  const found = parts(mask, shape);
  const wanted = partAt(found, voxel);
  return wanted === null ? mask.slice() : keepParts(found, mask.length, (part) => part === wanted);
}

/** Parts (by their root runs) that touch a side of the matrix; axes of one voxel have no sides. */
function openParts({ start, end, first }: RowRuns, parent: Uint32Array, [nx, ny, nz]: Triple) {
  const open = new Uint8Array(parent.length);
  const outer = (v: number, n: number): boolean => n > 1 && (v === 0 || v === n - 1);
  for (let row = 0; row < ny * nz; row++) {
    const side = outer(row % ny, ny) || outer(Math.floor(row / ny), nz);
    const ends = nx > 1 ? row * nx : -1;
    for (let i = first[row]!; i < first[row + 1]!; i++)
      if (side || start[i] === ends || end[i] === ends + nx) open[parent[i]!] = 1;
  }
  return open;
}

/** Switch on what cannot be reached from the border of the matrix. */
export function fillHoles(mask: Uint8Array, shape: Triple): Uint8Array {
  const runs = rowRuns(mask, shape, 0);
  const parent = united(runs, shape);
  const open = openParts(runs, parent, shape);
  const out = mask.slice();
  for (let i = 0; i < parent.length; i++)
    if (!open[parent[i]!]) paint(out, runs.start[i]!, runs.end[i]!);
  return out;
}

export interface Island {
  size: number;
  /** Mean voxel. */
  centre: Triple;
  /** A voxel inside, near the middle of the longest run. */
  inside: Triple;
}

/** Parts with their places, by size. */
export function islands(mask: Uint8Array, shape: Triple): Island[] {
  const [nx, ny] = shape;
  const found = parts(mask, shape);
  const sums = found.sizes.map(() => ({ x: 0, y: 0, z: 0, longest: 0, run: 0 }));
  found.part.forEach((part, i) => {
    const sum = sums[part]!;
    const from = found.start[i]!;
    const n = found.end[i]! - from;
    const row = Math.floor(from / nx);
    const x = from - row * nx;
    sum.x += n * (x + (n - 1) / 2);
    sum.y += n * (row % ny);
    sum.z += n * Math.floor(row / ny);
    if (n > sum.longest) Object.assign(sum, { longest: n, run: i });
  });
  return sums.map((sum, part) => {
    const size = found.sizes[part]!;
    const at = found.start[sum.run]! + Math.floor(sum.longest / 2);
    const inside: Triple = [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))];
    return { size, centre: [sum.x / size, sum.y / size, sum.z / size], inside };
  });
}
