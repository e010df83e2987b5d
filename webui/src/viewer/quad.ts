// Draws one layer over a rectangle: where its texels are in the plane, and what colours they get.
import type { Vec3 } from "./linalg";
import { applyLinear, column, multiply, scale } from "./linalg";
import { mappingOf } from "./mapping";
import type { Packing } from "./packing";
import type { GridLike, View } from "./planes";
import { onPlane, screenToWorld } from "./planes";
import { constantAxis } from "./sample";
import type { DrawLayer } from "./scene";
import { PROJECTIONS } from "./scene";
import type { Program } from "./shaders";
import type { Placed } from "./texture";
import type { Rect } from "./types";
import { apply } from "./linalg";

/** Slice position inside the slab, null for whole volumes. */
export interface Source extends Placed {
  slabAxis: number | null;
  slabAt: number;
  packing: Packing;
  /** The part of the view, in CSS pixels, outside of which there is nothing; null: unknown. */
  within: Rect | null;
}

type Gl = WebGL2RenderingContext;

const texel = (voxels: number, at: Placed, axis: number): number =>
  voxels / (at.size[axis]! * at.bin);

/** Texture step of a world direction. */
function stepOf(layer: DrawLayer, source: Source, direction: Vec3): number[] {
  const voxels = applyLinear(layer.volume.inverse, direction);
  return voxels.map((v, a) => (a === source.slabAxis ? 0 : texel(v, source, a)));
}

export function placeQuad(
  gl: Gl,
  program: Program,
  view: View,
  layer: DrawLayer,
  source: Source,
): void {
  const { size, mmPerPixel, axes } = view;
  const corner = layer.volume.toVoxel(screenToWorld(view, { x: 0, y: size.height }));
  const origin = corner.map((v, a) => texel(v - source.first[a]! + 0.5, source, a));
  if (source.slabAxis !== null) origin[source.slabAxis] = Math.min(1, Math.max(0, source.slabAt));
  const right = stepOf(layer, source, scale(axes.right, size.width * mmPerPixel));
  const up = stepOf(layer, source, scale(axes.up, size.height * mmPerPixel));
  gl.uniform3fv(program.at("u_origin"), origin);
  gl.uniform3fv(program.at("u_right"), right);
  gl.uniform3fv(program.at("u_up"), up);
  gl.uniform3fv(program.at("u_size"), source.size);
  gl.uniform3fv(
    program.at("u_dx"),
    right.map((v) => v / size.width),
  );
  gl.uniform3fv(
    program.at("u_dy"),
    up.map((v) => v / size.height),
  );
}

/** Read at the voxels of a grid: same plane in the grid's voxels, and the way back to texels. */
export function snapQuad(
  gl: Gl,
  program: Program,
  view: View,
  layer: DrawLayer,
  source: Source,
  grid: GridLike | null,
): void {
  const snap = grid !== null && !sameGrid(grid, layer.volume);
  gl.uniform1i(program.at("u_snap"), Number(snap));
  if (!snap) return;
  const { size, mmPerPixel, axes } = view;
  const right = applyLinear(grid.inverse, scale(axes.right, mmPerPixel));
  const up = applyLinear(grid.inverse, scale(axes.up, mmPerPixel));
  const corner = apply(grid.inverse, screenToWorld(view, { x: 0, y: size.height }));
  gl.uniform3fv(program.at("u_gridOrigin"), corner);
  gl.uniform3fv(program.at("u_gridRight"), scale(right, size.width));
  gl.uniform3fv(program.at("u_gridUp"), scale(up, size.height));
  gl.uniform3fv(program.at("u_gridDx"), right);
  gl.uniform3fv(program.at("u_gridDy"), up);
  const voxelToVoxel = multiply(layer.volume.inverse, grid.affine);
  const columns = [0, 1, 2].flatMap((c) =>
    column(voxelToVoxel, c).map((v, a) => (a === source.slabAxis ? 0 : texel(v, source, a))),
  );
  gl.uniformMatrix3fv(program.at("u_gridToTex"), false, columns);
}

/** Whether two grids have the same voxels. */
export const sameGrid = (a: GridLike, b: GridLike): boolean =>
  a.affine.every((v, i) => Math.abs(v - b.affine[i]!) < 1e-4);

/** Window, thresholds, table and slab of a grey image. */
export function mapScalar(
  gl: Gl,
  program: Program,
  layer: DrawLayer,
  source: Source,
  view: View,
): void {
  const { slope, inter } = layer.volume.header;
  const m = mappingOf(source.packing, { slope, inter, ...layer });
  gl.uniform2f(program.at("u_window"), m.a, m.b);
  gl.uniform2f(program.at("u_mirror"), m.mirrorA, m.mirrorB);
  gl.uniform1i(program.at("u_symmetric"), Number(layer.symmetric));
  gl.uniform3f(program.at("u_shown"), m.least, m.most, m.mirror);
  gl.uniform1f(program.at("u_gamma"), 1 / layer.gamma);
  const slab = source.slabAxis === null ? Math.min(41, layer.slab) : 1;
  gl.uniform1i(program.at("u_slab"), slab);
  if (slab < 2) return;
  gl.uniform1i(program.at("u_project"), PROJECTIONS.indexOf(layer.project));
  const step = scale(view.axes.normal, slabStep(layer, view));
  gl.uniform3fv(program.at("u_through"), stepOf(layer, source, step));
}

/** Distance of two slices of a slab in an oblique plane (mm). */
function slabStep(layer: DrawLayer, view: View): number {
  const voxels = applyLinear(layer.volume.inverse, view.axes.normal);
  return 1 / Math.max(1e-6, Math.hypot(...voxels));
}

/** The plane at the depth of the grid's own voxels, where it runs along them. */
export function onGrid(view: View, grid: GridLike): View {
  const axis = constantAxis(grid.inverse, view.axes.right, view.axes.up);
  if (axis === null) return view;
  const voxel = apply(grid.inverse, view.origin);
  const snapped = apply(
    grid.affine,
    voxel.map((v, a) => (a === axis ? Math.round(v) : v)) as unknown as Vec3,
  );
  return { ...view, origin: onPlane(view.origin, snapped, view.axes.normal) };
}
