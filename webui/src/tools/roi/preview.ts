// The voxels a pen would draw, as an SVG path in the plane of a viewport.
import type { View } from "../../viewer";
import { worldToScreen } from "../../viewer";
import type { Vec3 } from "../../viewer/linalg";
import { apply } from "../../viewer/linalg";
import { sizeOf } from "./kernels/box";
import type { Matrix, Patch } from "./kernels/pens";

/** Runs of voxels of the slice that is shown, as parallelograms; null where no slice lies in it. */
export function previewPath(matrix: Matrix, { box, on }: Patch, view: View): string | null {
  const { affine, inverse } = matrix;
  const { normal } = view.axes;
  const along = [0, 1, 2].map((c) =>
    Math.abs(affine[c]! * normal[0] + affine[4 + c]! * normal[1] + affine[8 + c]! * normal[2]),
  );
  const axis = along.indexOf(Math.max(...along));
  const slice = Math.round(apply(inverse, view.origin)[axis]!) - box.low[axis]!;
  const size = sizeOf(box);
  if (slice < 0 || slice >= size[axis]!) return null;
  const [a, b] = [0, 1, 2].filter((c) => c !== axis) as [number, number];
  const corner = (u: number, v: number): string => {
    const voxel = [0, 0, 0];
    voxel[axis] = box.low[axis]! + slice;
    voxel[a] = box.low[a]! + u - 0.5;
    voxel[b] = box.low[b]! + v - 0.5;
    const p = worldToScreen(view, apply(affine, voxel as unknown as Vec3));
    return `${p.x.toFixed(1)} ${p.y.toFixed(1)}`;
  };
  const at = (u: number, v: number): number => {
    const place = [0, 0, 0];
    place[axis] = slice;
    place[a] = u;
    place[b] = v;
    return on[(place[2]! * size[1] + place[1]!) * size[0] + place[0]!]!;
  };
  const parts: string[] = [];
  for (let v = 0; v < size[b]!; v++)
    for (let u = 0; u < size[a]!; u++) {
      if (!at(u, v)) continue;
      const from = u;
      while (u < size[a]! && at(u, v)) u++;
      parts.push(`M${corner(from, v)}L${corner(u, v)}L${corner(u, v + 1)}L${corner(from, v + 1)}Z`);
    }
  return parts.join("");
}
