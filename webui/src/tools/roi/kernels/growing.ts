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

/**
 * Grows from a seed as far as asked and remembers the order, so that a smaller tolerance is a
 * shorter part of the same list.
 */
export class Growth {
  readonly order = new NumberList();
  private readonly ends = new Int32Array(LEVELS + 1).fill(-1);
  private readonly buckets: number[][] = [];
  private readonly seen: Uint8Array;
  private readonly from: number;
  private done = -1;

  constructor(
    private readonly source: GrowSource,
    seed: number,
  ) {
    this.seen = new Uint8Array(source.values.length);
    this.from = this.place(seed);
    if (Number.isNaN(this.from)) return;
    this.seen[seed] = 1;
    this.buckets[0] = [seed];
  }

  private place(voxel: number): number {
    const { values, slope, inter, low, high } = this.source;
    return inWindow(values[voxel]! * slope + inter, low, high);
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
    const { shape, values, slope, inter, low, high } = this.source;
    const { seen, buckets, from, order } = this;
    const [nx, ny, nz] = shape;
    const plane = nx * ny;
    const visit = (at: number): void => {
      if (seen[at]) return;
      seen[at] = 1;
      const own = Math.ceil(
        Math.abs(inWindow(values[at]! * slope + inter, low, high) - from) * LEVELS,
      );
      if (own <= level) stack.push(at);
      else if (own <= LEVELS) (buckets[own] ??= []).push(at);
    };
    while (stack.length && order.length < stop) {
      const at = stack.pop()!;
      order.push(at);
      const x = at % nx;
      const row = (at - x) / nx;
      const y = row % ny;
      const z = (row - y) / ny;
      if (x > 0) visit(at - 1);
      if (x < nx - 1) visit(at + 1);
      if (y > 0) visit(at - nx);
      if (y < ny - 1) visit(at + nx);
      if (z > 0) visit(at - plane);
      if (z < nz - 1) visit(at + plane);
    }
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
