// What the worker is asked to do with a mask, as plain values.
import { fillBetween } from "./kernels/between";
import type { Triple } from "./kernels/box";
import type { Island } from "./kernels/components";
import { fillHoles, islands, keepAt, keepLargest, removeSalt } from "./kernels/components";
import type { Morph } from "./kernels/morphology";
import { morph } from "./kernels/morphology";
import type { Matrix } from "./kernels/pens";
import { differing } from "./kernels/runs";
import type { SetOperation } from "./kernels/shaping";
import { combine, invertMask, mirror, onMatrix, smoothMask } from "./kernels/shaping";

export type Edit =
  | { op: Morph; steps: number }
  | { op: "fill" }
  | { op: "invert" }
  | { op: "clear" }
  | { op: "salt"; threshold: number }
  | { op: "largest"; count: number }
  | { op: "island"; voxel: number; keep: boolean }
  | { op: "smooth"; radius: Triple }
  | { op: "mirror"; matrix: Matrix; point: Triple; normal: Triple }
  | { op: "between"; axis: number; voxelMm: Triple }
  | { op: "slices"; axis: number; from: number; to: number }
  | { op: SetOperation; matrix: Matrix; partners: { mask: Uint8Array; matrix: Matrix }[] };

export type Job = { mask: Uint8Array; shape: Triple } & ({ edit: Edit } | { list: "islands" });

/** The mask after an operation. */
export function edited(mask: Uint8Array, shape: Triple, edit: Edit): Uint8Array {
  switch (edit.op) {
    case "fill":
      return fillHoles(mask, shape);
    case "invert":
      return invertMask(mask);
    case "clear":
      return new Uint8Array(mask.length);
    case "salt":
      return removeSalt(mask, shape, edit.threshold);
    case "largest":
      return keepLargest(mask, shape, edit.count);
    case "island":
      return edit.keep ? keepAt(mask, shape, edit.voxel) : without(mask, shape, edit.voxel);
    case "smooth":
      return smoothMask(mask, shape, edit.radius);
    case "mirror":
      return mirror(mask, edit.matrix, edit.point, edit.normal);
    case "between":
      return fillBetween(mask, shape, edit.axis, edit.voxelMm);
    case "slices":
      return outside(mask, shape, edit.axis, edit.from, edit.to);
    case "union":
    case "intersection":
    case "difference": {
      const others = edit.partners.map((one) => onMatrix(one.mask, one.matrix, edit.matrix));
      return combine(mask, others, edit.op);
    }
    default:
      return morph(mask, shape, edit.op, edit.steps);
  }
}

/** Take away the part that holds a voxel. */
function without(mask: Uint8Array, shape: Triple, voxel: number): Uint8Array {
  const gone = keepAt(mask, shape, voxel);
  if (!mask[voxel]) return mask.slice();
  return mask.map((v, i) => v & (1 - gone[i]!));
}

/** Clear the slices from..to along an axis. */
function outside(mask: Uint8Array, [nx, ny]: Triple, axis: number, from: number, to: number) {
  return mask.map((v, i) => {
    if (!v) return 0;
    const row = Math.floor(i / nx);
    const at = axis === 0 ? i - row * nx : axis === 1 ? row % ny : Math.floor(row / ny);
    return at >= from && at <= to ? 0 : 1;
  });
}

export function answer(job: Job): Uint32Array<ArrayBuffer> | Island[] {
  if ("list" in job) return islands(job.mask, job.shape);
  return differing(job.mask, edited(job.mask, job.shape, job.edit));
}
