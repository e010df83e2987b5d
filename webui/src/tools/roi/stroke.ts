// One gesture of a pen: voxels it has turned over, also those of other ROIs, as one step of undo.
import type { Box, Triple } from "./kernels/box";
import { sizeOf } from "./kernels/box";
import type { Patch } from "./kernels/pens";
import { fromIndices, NumberList } from "./kernels/runs";
import type { Step } from "../history.svelte";
import type { Roi } from "./roi.svelte";

/** What happens where another visible ROI of the same matrix is on. */
export type Overlap = "overlap" | "override" | "block";

interface Change {
  roi: Roi;
  runs: Uint32Array;
}

/** A step that turns the same voxels over, there and back. */
export function flipStep(label: string, frame: number, changes: readonly Change[]): Step {
  const both = (): void => changes.forEach(({ roi, runs }) => roi.flip(runs, frame));
  const bytes = changes.reduce((sum, { runs }) => sum + runs.byteLength, 64);
  return { label, bytes, undo: both, redo: both };
}

export class Stroke {
  private readonly flips = new Map<Roi, NumberList>();
  private readonly touchedOthers = new Map<Roi, number>();

  constructor(
    readonly roi: Roi,
    readonly frame: number,
    readonly on: boolean,
    private readonly overlap: Overlap,
    private readonly others: readonly Roi[],
  ) {}

  private list(roi: Roi): NumberList {
    const known = this.flips.get(roi) ?? new NumberList();
    this.flips.set(roi, known);
    return known;
  }

  /** Switch the voxels of a patch; returns how many have changed. */
  draw({ box, on }: Patch): number {
    const { roi, frame } = this;
    const value = this.on ? 1 : 0;
    const data = roi.frameData(frame);
    const [nx, ny] = roi.volume.shape;
    const [w, h, d] = sizeOf(box);
    const flipped = this.list(roi);
    const rivals = this.on && this.overlap !== "overlap" ? this.others : [];
    let changed = 0;
    for (let k = 0, p = 0; k < d; k++)
      for (let j = 0; j < h; j++) {
        let at = ((box.low[2] + k) * ny + box.low[1] + j) * nx + box.low[0];
        for (let i = 0; i < w; i++, p++, at++) {
          if (!on[p] || data[at] === value) continue;
          if (rivals.length && !this.settle(rivals, at)) continue;
          data[at] = value;
          flipped.push(at);
          changed++;
        }
      }
    if (changed) roi.touched(box, frame, this.on ? changed : -changed);
    this.tellOthers(box);
    return changed;
  }

  /** Whether a voxel may be switched on; in override mode it is taken from the others. */
  private settle(rivals: readonly Roi[], at: number): boolean {
    for (const other of rivals) {
      const data = other.frameData(this.otherFrame(other));
      if (!data[at]) continue;
      if (this.overlap === "block") return false;
      data[at] = 0;
      this.list(other).push(at);
      this.touchedOthers.set(other, (this.touchedOthers.get(other) ?? 0) + 1);
    }
    return true;
  }

  private tellOthers(box: Box): void {
    for (const [other, n] of this.touchedOthers) other.touched(box, this.otherFrame(other), -n);
    this.touchedOthers.clear();
  }

  /** For growing, which may take voxels back: only a block is judged at once. */
  mayTake(at: number): boolean {
    if (this.overlap !== "block") return true;
    return !this.others.some((other) => other.frameData(this.otherFrame(other))[at]);
  }

  private otherFrame(other: Roi): number {
    return Math.min(this.frame, other.volume.frames - 1);
  }

  /** The step of voxels that have been switched on already. */
  finishWith(label: string, indices: Uint32Array): Step | null {
    const { roi } = this;
    const own = this.list(roi);
    for (const at of indices) own.push(at);
    if (this.overlap === "override" && indices.length) {
      for (const at of indices) this.settle(this.others, at);
      const [nx, ny, nz] = roi.volume.shape;
      this.tellOthers({ low: [0, 0, 0], high: [nx - 1, ny - 1, nz - 1] });
    }
    return this.finish(label);
  }

  /** The step of undo, null when nothing has changed. */
  finish(label: string): Step | null {
    const changes = [...this.flips]
      .filter(([, list]) => list.length > 0)
      .map(([roi, list]) => ({ roi, runs: fromIndices(list.values) }));
    return changes.length ? flipStep(label, this.frame, changes) : null;
  }
}

/** A mask grown freely: the voxels of a growing list, taken back as the list gets shorter. */
export class GrownStroke {
  private n = 0;
  private readonly added = new NumberList();

  constructor(private readonly stroke: Stroke) {}

  /** Show the first `n` voxels of the list. */
  show(order: Uint32Array, n: number): void {
    const { roi, frame } = this.stroke;
    const data = roi.frameData(frame);
    const [nx, ny] = roi.volume.shape;
    const plane = nx * ny;
    let first = Infinity;
    let last = -1;
    let more = 0;
    const note = (at: number): void => {
      if (at < first) first = at;
      if (at > last) last = at;
    };
    while (this.added.length && this.added.values.at(-1)! >= n) {
      const at = order[this.added.values.at(-1)!]!;
      this.added.length--;
      data[at] = 0;
      more--;
      note(at);
    }
    for (let i = this.n; i < n; i++) {
      const at = order[i]!;
      if (data[at] || !this.stroke.mayTake(at)) continue;
      data[at] = 1;
      this.added.push(i);
      more++;
      note(at);
    }
    this.n = n;
    if (last < 0) return;
    const low: Triple = [0, 0, Math.floor(first / plane)];
    roi.touched({ low, high: [nx - 1, ny - 1, Math.floor(last / plane)] }, frame, more);
  }

  finish(label: string, order: Uint32Array): Step | null {
    const indices = this.added.values.map((i) => order[i]!);
    return this.stroke.finishWith(label, indices);
  }
}
