// Region growing over six faces: inside a pen, or freely with a threshold that follows the mouse.
import type { Triple } from "./box";
import { NumberList } from "./runs";

/** Tolerances are multiples of this share of the window. */
export const LEVELS = 4096;

/** Tolerance while dragging: x pixels right of where the button went down (ROI-26). */
export const dragTolerance = (dx: number): number => Math.max(0, 0.2 * Math.exp(dx / 100) - 0.1);

/** Highest level within a tolerance. */
export const levelOf = (tolerance: number): number =>
  Math.min(LEVELS, Math.max(0, Math.floor(tolerance * LEVELS)));

/** Place of a value in the window, 0 to 1. */
export const inWindow = (value: number, low: number, high: number): number =>
  Math.min(1, Math.max(0, (value - low) / (high - low)));

/** Candidates connected to a seed, in a small matrix. Nothing when the seed is no candidate. */
export function connected(candidates: Uint8Array, shape: Triple, seed: number): Uint8Array {
  const out = new Uint8Array(candidates.length);
  if (!candidates[seed]) return out;
  const [nx, ny, nz] = shape;
  const stack = [seed];
  out[seed] = 1;
  const visit = (at: number): void => {
    if (!candidates[at] || out[at]) return;
    out[at] = 1;
    stack.push(at);
  };
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const x = at % nx;
    const row = (at - x) / nx;
    const y = row % ny;
    const z = (row - y) / ny;
    if (x > 0) visit(at - 1);
    if (x < nx - 1) visit(at + 1);
    if (y > 0) visit(at - nx);
    if (y < ny - 1) visit(at + nx);
    if (z > 0) visit(at - nx * ny);
    if (z < nz - 1) visit(at + nx * ny);
  }
  return out;
}

/** What growing needs of an image: stored samples of one time point and the window around them. */
export interface GrowSource {
  values: ArrayLike<number>;
  shape: Triple;
  /** Display value = stored * slope + inter. */
  slope: number;
  inter: number;
  low: number;
  high: number;
}

/** Beyond any level: no number, never reached. */
const NEVER = LEVELS + 1;

type LevelAt = (at: number) => number;

const SMALL = [
  { type: Uint8Array, first: 0, n: 256 },
  { type: Int8Array, first: -128, n: 256 },
  { type: Uint16Array, first: 0, n: 65536 },
  { type: Int16Array, first: -32768, n: 65536 },
];

/** Levels of all stored values of 8 and 16 bits; other samples are reckoned one by one. */
function levelsOf({ values, slope, inter, low, high }: GrowSource, from: number): LevelAt {
  const level = (value: number): number => {
    const far = Math.ceil(Math.abs(inWindow(value * slope + inter, low, high) - from) * LEVELS);
    return far <= LEVELS ? far : NEVER;
  };
  const bits = SMALL.find((one) => values instanceof one.type);
  if (!bits) return (at) => level(values[at]!);
  const table = Uint16Array.from({ length: bits.n }, (_, i) => level(i + bits.first));
  const { first } = bits;
  return (at) => table[values[at]! - first]!;
}

/**
 * Grows from a seed as far as asked and remembers the order, so that a smaller tolerance is a
 * shorter part of the same list.
 */
export class Growth {
  readonly order = new NumberList();
  private readonly ends = new Int32Array(LEVELS + 1).fill(-1);
  /** Voxels that wait for a level, or are taken up at the present one. */
  private readonly waiting: (NumberList | null)[] = Array.from({ length: NEVER }, () => null);
  /** A bit for each voxel that has been met: taken up, waiting for its level, or never reached. */
  private readonly met: Uint32Array;
  private readonly levelAt: LevelAt;
  private done = -1;

  constructor(
    private readonly source: GrowSource,
    seed: number,
  ) {
    const { values, slope, inter, low, high } = source;
    this.met = new Uint32Array((values.length + 31) >>> 5);
    const from = inWindow(values[seed]! * slope + inter, low, high);
    this.levelAt = levelsOf(source, from);
    this.meet(seed, 0);
  }

  /** How many voxels of `order` lie within a tolerance. */
  reach(tolerance: number): number {
    return this.reachSome(tolerance, Infinity).n;
  }

  /** The same, with about so many new voxels at most: ask again when it is not complete. */
  reachSome(tolerance: number, budget: number): { n: number; complete: boolean } {
    const level = levelOf(tolerance);
    const stop = this.order.length + budget;
    while (this.done < level) {
      if (!this.expand(this.done + 1, stop)) return { n: this.order.length, complete: false };
      this.done++;
    }
    return { n: this.ends[level]!, complete: true };
  }

  /** Take up all of one level; false when there was too much of it. */
  private expand(level: number, stop: number): boolean {
    const stack = this.waiting[level];
    if (stack) {
      this.drain(stack, level, stop);
      if (stack.length) return false;
      this.waiting[level] = null;
    }
    this.ends[level] = this.order.length;
    return true;
  }

  /** Take up what waits and meet its neighbours; the last comes first, as it lies near in memory. */
  private drain(stack: NumberList, level: number, stop: number): void {
    const { order } = this;
    const [nx, ny, nz] = this.source.shape;
    const plane = nx * ny;
    while (stack.length && order.length < stop) {
      // Whole numbers of 32 bits all along: the engine divides and adds these faster.
      const at = stack.pop() | 0;
      order.push(at);
      const row = (at / nx) | 0;
      const x = at - Math.imul(row, nx);
      const z = (row / ny) | 0;
      const y = row - Math.imul(z, ny);
      if (x > 0) this.meet(at - 1, level);
      if (x < nx - 1) this.meet(at + 1, level);
      if (y > 0) this.meet(at - nx, level);
      if (y < ny - 1) this.meet(at + nx, level);
      if (z > 0) this.meet(at - plane, level);
      if (z < nz - 1) this.meet(at + plane, level);
    }
  }

  private meet(at: number, level: number): void {
    const word = this.met[at >>> 5]!;
    const bit = 1 << (at & 31);
    if (word & bit) return;
    this.met[at >>> 5] = word | bit;
    const own = this.levelAt(at);
    if (own < NEVER) (this.waiting[Math.max(own, level)] ??= new NumberList()).push(at);
  }
}

/** All voxels grown from a seed within a tolerance. */
export function grow(source: GrowSource, seed: number, tolerance: number): Uint8Array {
  const growth = new Growth(source, seed);
  const out = new Uint8Array(source.values.length);
  const n = growth.reach(tolerance);
  for (const at of growth.order.values.subarray(0, n)) out[at] = 1;
  return out;
}
