// One image in memory: stored samples, geometry, exact values at voxels and world points.
import type { Mat4, Vec3 } from "./linalg";
import { apply, IDENTITY, invert } from "./linalg";
import type { NiftiHeader, StoredArray } from "./nifti";

/** Voxels from `low` to `high`, both included, of one time point. */
export interface VoxelBox {
  low: Vec3;
  high: Vec3;
  frame: number;
}

/** Changes remembered one by one; copies that are further behind are made anew. */
const KEPT_EDITS = 64;

export class Volume {
  readonly shape: Vec3;
  readonly frames: number;
  readonly channels: number;
  readonly affine: Mat4;
  readonly inverse: Mat4;
  /** False while samples are still arriving. */
  complete = false;
  /** Slices along k of frame 0 that are already there although the rest is not. */
  readonly early = new Set<number>();
  /** Grows with every change of the samples, so that copies elsewhere know. */
  revision = 0;
  private edits: { revision: number; box: VoxelBox }[] = [];

  constructor(
    readonly name: string,
    readonly header: NiftiHeader,
    public data: StoredArray,
  ) {
    this.shape = header.shape;
    this.frames = header.frames;
    this.channels = header.channels;
    this.affine = header.affine;
    this.inverse = invert(header.affine) ?? IDENTITY;
  }

  /** Tell that samples inside a box have changed, so that copies renew only that part. */
  touch(box: VoxelBox): void {
    this.edits = [...this.edits.slice(1 - KEPT_EDITS), { revision: ++this.revision, box }];
  }

  /** The boxes changed since a revision; null when only all of it is known to have changed. */
  editsSince(revision: number): VoxelBox[] | null {
    const known = this.edits.filter((edit) => edit.revision > revision);
    return known.length === this.revision - revision ? known.map(({ box }) => box) : null;
  }

  get bytes(): number {
    return this.data.byteLength;
  }

  /** Whether time points are read one by one when they are shown (see series.ts). */
  get streamed(): boolean {
    return false;
  }

  /** Samples of one time point; null when they are not in memory. */
  frameSamples(frame: number): StoredArray | null {
    const n = this.voxelsPerFrame * this.channels;
    return this.data.subarray(frame * n, (frame + 1) * n);
  }

  get voxelsPerFrame(): number {
    return this.shape[0] * this.shape[1] * this.shape[2];
  }

  /** Whether every sample of a slice (axis 0..2) of a frame has arrived. */
  hasSlice(axis: number, index: number, frame: number): boolean {
    return this.complete || (axis === 2 && frame === 0 && this.early.has(index));
  }

  /** Continuous voxel coordinates of a world point. */
  toVoxel(mm: Vec3): Vec3 {
    return apply(this.inverse, mm);
  }

  /** The voxel a world point falls into, null outside. */
  voxelAt(mm: Vec3): Vec3 | null {
    const v = this.toVoxel(mm);
    const voxel: Vec3 = [Math.round(v[0]), Math.round(v[1]), Math.round(v[2])];
    return this.contains(voxel) ? voxel : null;
  }

  contains(v: Vec3): boolean {
    return v.every((x, axis) => x >= 0 && x < this.shape[axis]!);
  }

  /** Where the samples of a voxel begin within those of its time point. */
  offset(v: Vec3): number {
    return (v[0] + this.shape[0] * (v[1] + this.shape[1] * v[2])) * this.channels;
  }

  /** Stored sample * slope + intercept; one number per channel for colour images. */
  value(voxel: Vec3, frame = 0): number | readonly number[] | null {
    if (!this.contains(voxel) || !this.hasSlice(2, voxel[2], frame)) return null;
    const data = this.frameSamples(frame);
    if (!data) return null;
    const at = this.offset(voxel);
    if (this.channels > 1) return Array.from(data.subarray(at, at + this.channels));
    return data[at]! * this.header.slope + this.header.inter;
  }
}
