// One ROI: strictly 0 and 1 on the grid of its reference, shown as a layer of labels.
import type { Layer, Length } from "../../viewer";
import { lengthOf, parseHeader, Volume } from "../../viewer";
import type { FileRow } from "../../core/types";
import type { Box, Triple } from "./kernels/box";
import { bounds, count, voxels } from "./kernels/box";
import type { Matrix } from "./kernels/pens";
import { flip } from "./kernels/runs";
import { maskHeader } from "./nifti";

/** The file a ROI was loaded from or saved as. */
export interface SavedAs {
  id: number;
  path: string;
  version: string;
}

/** What a ROI needs of its reference image: never guessed, always copied. */
export interface Geometry {
  shape: Triple;
  affine: readonly number[];
  frames: number;
  /** Seconds between time points. */
  frameSeconds: number;
  /** What its lengths are, where they are not millimetres. */
  length?: Length;
  /** Header of the image it was taken from, for a copy with the same codes. */
  raw?: Uint8Array | undefined;
}

let counter = 0;

/** An image of 0 and 1 on a geometry. */
export function maskVolume(name: string, geometry: Geometry, data?: Uint8Array): Volume {
  const n = voxels(geometry.shape) * geometry.frames;
  const header = parseHeader(maskHeader(geometry).buffer);
  const volume = new Volume(name, header, data ?? new Uint8Array(n));
  volume.complete = true;
  volume.revision = 1;
  return volume;
}

export class Roi {
  readonly key = `${Date.now().toString(36)}-${++counter}`;
  /** Image whose geometry and codes it has; null for a file of this computer. */
  reference: FileRow | null = null;
  referenceName = "";
  /** Its grid is its own (cropped), no longer that of the reference. */
  ownGrid = false;
  saved: SavedAs | null = $state.raw(null);
  /** Changed since it was last saved. */
  dirty = $state(false);
  /** An operation is going on: pens wait. */
  busy = $state("");
  saving = $state(false);
  /** Voxels that are on, by time point. */
  counts: number[] = $state.raw([]);
  /** Counts changes, so that lists of islands know. */
  changes = $state(0);
  expanded = $state(false);
  /** Ticked as partner of set operations. */
  partner = $state(false);
  /** Thresholds of the pen for this ROI. */
  thresholds: { low: string; high: string } | null = null;

  constructor(
    readonly layer: Layer,
    readonly volume: Volume,
  ) {
    this.recount();
  }

  get name(): string {
    return this.layer.label;
  }

  get data(): Uint8Array {
    return this.volume.data as Uint8Array;
  }

  get matrix(): Matrix {
    const { shape, affine, inverse } = this.volume;
    return { shape, affine, inverse };
  }

  get geometry(): Geometry {
    const { shape, affine, frames, header } = this.volume;
    return { shape, affine, frames, frameSeconds: header.frameSeconds, raw: header.raw };
  }

  get frame(): number {
    return Math.min(this.layer.frame, this.volume.frames - 1);
  }

  frameData(frame = this.frame): Uint8Array {
    const n = this.volume.voxelsPerFrame;
    return this.data.subarray(frame * n, (frame + 1) * n);
  }

  /** What a length of its grid is: not every image knows millimetres. */
  get length(): Length {
    return lengthOf(this.volume.header);
  }

  /** Volume of a voxel in mL, also of a sheared grid; a length is taken as mm. */
  get voxelMl(): number {
    const m = this.volume.affine;
    const minor = (r: number, s: number): number =>
      m[4 * r + 1]! * m[4 * s + 2]! - m[4 * r + 2]! * m[4 * s + 1]!;
    const det = m[0]! * minor(1, 2) - m[4]! * minor(0, 2) + m[8]! * minor(0, 1);
    return Math.abs(det) / 1000;
  }

  get ml(): number {
    return (this.counts[this.frame] ?? 0) * this.voxelMl;
  }

  recount(): void {
    const frames = Array.from({ length: this.volume.frames }, (_, t) => count(this.frameData(t)));
    this.counts = frames;
  }

  bounds(frame = this.frame): Box | null {
    return bounds(this.frameData(frame), this.volume.shape);
  }

  /** Tell that voxels in a box have changed, and by how many more are on. */
  touched(box: Box, frame: number, more: number): void {
    this.volume.touch({ ...box, frame });
    this.layer.refresh();
    this.counts = this.counts.map((n, t) => (t === frame ? n + more : n));
    this.changes++;
    this.dirty = true;
  }

  /** Turn runs of voxels of a time point over, for operations, undo and redo. */
  flip(runs: Uint32Array, frame: number): void {
    if (!runs.length) return;
    const more = flip(this.frameData(frame), runs);
    const [nx, ny] = this.volume.shape;
    const last = runs[runs.length - 2]! + runs[runs.length - 1]! - 1;
    const plane = nx * ny;
    const low: Triple = [0, 0, Math.floor(runs[0]! / plane)];
    this.touched({ low, high: [nx - 1, ny - 1, Math.floor(last / plane)] }, frame, more);
  }
}
