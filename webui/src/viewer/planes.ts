// Geometry of a viewport: which world plane it shows and how its pixels map to millimetres.
import type { Mat3, Mat4, Vec3 } from "./linalg";
import { add, apply, column, dot, norm, rotate, scale, sub, unit } from "./linalg";
import { sideLetter } from "./orientation";
import type { PlaneName, Point, Size } from "./types";

/** Unit world directions of a displayed plane. */
export interface Axes {
  right: Vec3;
  up: Vec3;
  /** Direction of rising slice position: S, A or R before any rotation. */
  normal: Vec3;
}

/** A displayed plane: `origin` is the world point under the middle of the viewport. */
export interface View {
  axes: Axes;
  origin: Vec3;
  mmPerPixel: number;
  size: Size;
}

/** What the geometry needs of an image. */
export interface GridLike {
  affine: Mat4;
  inverse: Mat4;
  shape: Vec3;
}

export const PLANE_LETTER: Record<PlaneName, "x" | "y" | "z"> = {
  axial: "z",
  coronal: "y",
  sagittal: "x",
};

const BASE: Record<PlaneName, Axes> = {
  axial: { right: [1, 0, 0], up: [0, 1, 0], normal: [0, 0, 1] },
  coronal: { right: [1, 0, 0], up: [0, 0, 1], normal: [0, 1, 0] },
  sagittal: { right: [0, 1, 0], up: [0, 0, 1], normal: [1, 0, 0] },
};

/** Which world axis takes the place of right, anterior and superior, and whether it is turned. */
export interface WorldMapping {
  id: string;
  label: string;
  order: Vec3;
  flip: Vec3;
}

export const MAPPINGS: readonly WorldMapping[] = [
  { id: "human", label: "Human", order: [0, 1, 2], flip: [1, 1, 1] },
  { id: "upsidedown", label: "Upside down", order: [0, 1, 2], flip: [1, -1, 1] },
  { id: "mouse", label: "Mouse (Bruker)", order: [0, 2, 1], flip: [1, 1, 1] },
  { id: "mouseflipped", label: "Mouse, upside down", order: [0, 2, 1], flip: [-1, -1, -1] },
  { id: "sheep", label: "Sheep", order: [2, 0, 1], flip: [1, 1, -1] },
  { id: "memory", label: "Memory aligned", order: [0, 1, 2], flip: [-1, -1, 1] },
];

export const mappingNamed = (id: string): WorldMapping =>
  MAPPINGS.find((one) => one.id === id) ?? MAPPINGS[0]!;

function mapped({ order, flip }: WorldMapping, v: Vec3): Vec3 {
  const out: [number, number, number] = [0, 0, 0];
  v.forEach((x, i) => (out[order[i]!] = x * flip[i]!));
  return out;
}

/** Axes of a plane. Radiological: the patient's left is on the right of the screen. */
export function planeAxes(
  plane: PlaneName,
  radiological: boolean,
  frame: Mat3,
  mapping: WorldMapping = MAPPINGS[0]!,
): Axes {
  const base = BASE[plane];
  const right = radiological && plane !== "sagittal" ? scale(base.right, -1) : base.right;
  const turned = (v: Vec3): Vec3 => rotate(frame, mapped(mapping, v));
  return { right: turned(right), up: turned(base.up), normal: turned(base.normal) };
}

/** Move a point along the normal onto the plane through `through`. */
export function onPlane(point: Vec3, through: Vec3, normal: Vec3): Vec3 {
  const depth = dot(sub(through, point), normal);
  return add(point, scale(normal, Math.round(depth * 1e4) / 1e4));
}

export function screenToWorld(view: View, p: Point): Vec3 {
  const u = (p.x - view.size.width / 2) * view.mmPerPixel;
  const v = (view.size.height / 2 - p.y) * view.mmPerPixel;
  return add(view.origin, add(scale(view.axes.right, u), scale(view.axes.up, v)));
}

/** Pixel of a world point, projected along the normal. */
export function worldToScreen(view: View, mm: Vec3): Point {
  const d = sub(mm, view.origin);
  return {
    x: view.size.width / 2 + dot(d, view.axes.right) / view.mmPerPixel,
    y: view.size.height / 2 - dot(d, view.axes.up) / view.mmPerPixel,
  };
}

/** The axis that runs to a side of the body. */
export const AXIS_OF: Readonly<Record<string, string>> = {
  R: "x",
  L: "−x",
  A: "y",
  P: "−y",
  S: "z",
  I: "−z",
};

/** Letters at the four edges of the viewport; axes where there is no body. */
export function sideLetters(
  axes: Axes,
  body = true,
): Record<"left" | "right" | "top" | "bottom", string> {
  const letter = (direction: Vec3): string => {
    const side = sideLetter(direction);
    return body ? side : [...side].map((one) => AXIS_OF[one] ?? one).join(" ");
  };
  return {
    left: letter(scale(axes.right, -1)),
    right: letter(axes.right),
    top: letter(axes.up),
    bottom: letter(scale(axes.up, -1)),
  };
}

/** Letters at the edges of a 3D view; azimuth 0 looks from behind, 90 from the patient's left. */
export function cameraLetters(azimuth: number, elevation: number, body = true) {
  const a = (azimuth * Math.PI) / 180;
  const e = (elevation * Math.PI) / 180;
  const right: Vec3 = [Math.cos(a), -Math.sin(a), 0];
  const up: Vec3 = [Math.sin(a) * Math.sin(e), Math.cos(a) * Math.sin(e), Math.cos(e)];
  return sideLetters({ right, up, normal: [0, 0, 1] }, body);
}

/** The eight outer corners of an image in the world. */
export function corners(grid: GridLike): Vec3[] {
  return Array.from({ length: 8 }, (_, bits) =>
    apply(grid.affine, [
      bits & 1 ? grid.shape[0] - 0.5 : -0.5,
      bits & 2 ? grid.shape[1] - 0.5 : -0.5,
      bits & 4 ? grid.shape[2] - 0.5 : -0.5,
    ]),
  );
}

/** World point in the middle of the middle voxel. */
export const middle = (grid: GridLike): Vec3 =>
  apply(grid.affine, grid.shape.map((n) => Math.floor(n / 2)) as unknown as Vec3);

/** Millimetres per pixel that show the whole image in a viewport, with a margin in pixels. */
export function fitScale(grid: GridLike, axes: Axes, size: Size, margin = 0.94): number {
  const points = corners(grid);
  const extent = (axis: Vec3): number => {
    const along = points.map((p) => dot(p, axis));
    return Math.max(...along) - Math.min(...along);
  };
  const width = Math.max(1, size.width * margin);
  const height = Math.max(1, size.height * margin);
  return Math.max(extent(axes.right) / width, extent(axes.up) / height, 1e-6);
}

export interface SliceInfo {
  /** Voxel axis the plane steps along and the sign of a step forward. */
  axis: number;
  sign: number;
  index: number;
  count: number;
  stepMm: number;
  /** Whether the plane coincides with slices of the grid, so that index / count are true. */
  aligned: boolean;
}

/** Where a world point lies in the stack of slices that a plane steps through. */
export function sliceInfo(grid: GridLike, normal: Vec3, mm: Vec3): SliceInfo {
  const along = [0, 1, 2].map((a) => dot(unit(column(grid.affine, a)), normal));
  const axis = along.reduce((best, v, a) => (Math.abs(v) > Math.abs(along[best]!) ? a : best), 0);
  const count = grid.shape[axis]!;
  const at = Math.round(apply(grid.inverse, mm)[axis]!);
  return {
    axis,
    sign: along[axis]! < 0 ? -1 : 1,
    index: at,
    count,
    stepMm: norm(column(grid.affine, axis)),
    aligned: Math.abs(along[axis]!) > 0.9999,
  };
}

/** Crosshair after moving `n` slices along the normal, kept inside the image. */
export function stepSlice(grid: GridLike, normal: Vec3, mm: Vec3, n: number): Vec3 {
  const info = sliceInfo(grid, normal, mm);
  const at = apply(grid.inverse, mm)[info.axis]!;
  const target = Math.min(info.count - 1, Math.max(0, Math.round(at) + n * info.sign));
  const cosine = Math.abs(dot(unit(column(grid.affine, info.axis)), normal));
  return add(mm, scale(normal, ((target - at) * info.sign * info.stepMm) / cosine));
}
