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
/** Not seen yet; taken up; waiting in the bucket of its level. */
const [TAKEN, WAITING] = [1, 2] as const;

/** Levels of all stored values of 8 and 16 bits; other samples are reckoned one by one. */
function levelsOf({ values, slope, inter, low, high }: GrowSource, from: number) {
  const level = (value: number): number => {
    const far = Math.ceil(Math.abs(inWindow(value * slope + inter, low, high) - from) * LEVELS);
    return Number.isNaN(far) ? NEVER : far;
  };
  const bits = SMALL.find((one) => values instanceof one.type);
  if (!bits) return (at: number): number => level(values[at]!);
  const table = Uint16Array.from({ length: bits.n }, (_, i) => level(i + bits.first));
  const { first } = bits;
  return (at: number): number => table[values[at]! - first]!;
}

const SMALL = [
  { type: Uint8Array, first: 0, n: 256 },
  { type: Int8Array, first: -128, n: 256 },
  { type: Uint16Array, first: 0, n: 65536 },
  { type: Int16Array, first: -32768, n: 65536 },
];

/**
 * Grows from a seed as far as asked and remembers the order, so that a smaller tolerance is a
 * shorter part of the same list. Takes up whole runs along a row.
 */
export class Growth {
  readonly order = new NumberList();
  private readonly ends = new Int32Array(LEVELS + 1).fill(-1);
  private readonly buckets: number[][] = [];
  private readonly seen: Uint8Array;
  private readonly levelAt: (at: number) => number;
  private done = -1;

  constructor(
    private readonly source: GrowSource,
    seed: number,
  ) {
    const { values, slope, inter, low, high } = source;
    this.seen = new Uint8Array(values.length);
    const from = inWindow(values[seed]! * slope + inter, low, high);
    this.levelAt = levelsOf(source, from);
    if (!Number.isNaN(from)) this.buckets[0] = [seed];
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
    const stack = this.buckets[level];
    if (stack) {
      this.drain(stack, level, stop);
      if (stack.length) return false;
      this.buckets[level] = [];
    }
    this.ends[level] = this.order.length;
    return true;
  }

  private drain(stack: number[], level: number, stop: number): void {
    const { seen, order } = this;
    const [nx, ny, nz] = this.source.shape;
    const plane = nx * ny;
    while (stack.length && order.length < stop) {
      const at = stack.pop()!;
      if (seen[at] === TAKEN) continue;
      seen[at] = TAKEN;
      const row = Math.floor(at / nx);
      const y = row % ny;
      const z = (row - y) / ny;
      const from = this.along(at, row * nx - 1, -1, level);
      const to = this.along(at, row * nx + nx, 1, level);
      order.pushRange(from, to + 1);
      if (y > 0) this.beside(from - nx, to - nx, level, stack);
      if (y < ny - 1) this.beside(from + nx, to + nx, level, stack);
      if (z > 0) this.beside(from - plane, to - plane, level, stack);
      if (z < nz - 1) this.beside(from + plane, to + plane, level, stack);
    }
  }

  /** The last voxel of the run that holds `at`, going one way up to `end`. */
  private along(at: number, end: number, step: 1 | -1, level: number): number {
    const { seen } = this;
    let next = at + step;
    while (next !== end && !seen[next]) {
      const own = this.levelAt(next);
      if (own > level) {
        this.wait(next, own);
        break;
      }
      seen[next] = TAKEN;
      next += step;
    }
    return next - step;
  }

  /** Of the voxels beside a run: one of every run that is taken up next, the others wait. */
  private beside(from: number, to: number, level: number, stack: number[]): void {
    const { seen, levelAt } = this;
    let begun = false;
    for (let at = from; at <= to; at++) {
      const own = seen[at] ? NEVER : levelAt(at);
      if (own <= level) {
        if (!begun) stack.push(at);
        begun = true;
        continue;
      }
      begun = false;
      if (!seen[at]) this.wait(at, own);
    }
  }

  private wait(at: number, level: number): void {
    this.seen[at] = WAITING;
    if (level <= LEVELS) (this.buckets[level] ??= []).push(at);
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
