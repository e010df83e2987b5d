// How far markers lie from a slice, and so how strongly they are drawn on it.
import type { View } from "../../viewer/planes";
import type { SetData } from "./model";
import type { Vec3 } from "./vectors";
import { along, dot, sub } from "./vectors";

/** Only where the slice cuts it, faded on slices near by, or on every slice. */
export type Projection = "slice" | "near" | "all";

export interface Plane {
  view: View;
  /** Distance of slices in mm. */
  stepMm: number;
}

const FAINTEST = 0.25;
const EVERYWHERE = 0.22;

export function projectionOf({ state }: SetData): Projection {
  if (state.projectAll) return "all";
  return state.showThroughSlice === false ? "slice" : "near";
}

/** Signed distance of a place from the slice. */
export const depthOf = ({ view }: Plane, mm: Vec3): number =>
  dot(sub(mm, view.origin), view.axes.normal);

/** Farthest distance at which something of a radius still shows. */
export function reachOf({ stepMm }: Plane, radius: number, how: Projection): number {
  const half = stepMm / 2 + 1e-3;
  return how === "slice" ? half : Math.max(radius, half);
}

/** 1 in the slice, fading to the reach; 0: not shown. */
export function strength(plane: Plane, depth: number, radius: number, how: Projection): number {
  const d = Math.abs(depth);
  const half = plane.stepMm / 2 + 1e-3;
  if (d <= half) return 1;
  const reach = reachOf(plane, radius, how);
  if (d < reach) return 1 - (1 - FAINTEST) * ((d - half) / (reach - half));
  return how === "all" ? EVERYWHERE : 0;
}

export interface Piece {
  from: Vec3;
  to: Vec3;
  strength: number;
}

/** The part of a straight line that shows, and how strongly. */
export function pieceOf(
  plane: Plane,
  a: Vec3,
  b: Vec3,
  radius: number,
  how: Projection,
): Piece | null {
  const [da, db] = [depthOf(plane, a), depthOf(plane, b)];
  const nearest = da * db <= 0 ? 0 : Math.min(Math.abs(da), Math.abs(db));
  const s = strength(plane, nearest, radius, how);
  if (s === 0) return null;
  if (how === "all" && s === EVERYWHERE) return { from: a, to: b, strength: s };
  const reach = reachOf(plane, radius, how);
  const [t0, t1] = inside(da, db, reach);
  return t1 < t0 ? null : { from: along(a, b, t0), to: along(a, b, t1), strength: s };
}

/** Where a depth that runs from `da` to `db` stays within a reach, as shares of the way. */
function inside(da: number, db: number, reach: number): [number, number] {
  if (Math.abs(da - db) < 1e-9) return Math.abs(da) <= reach ? [0, 1] : [1, 0];
  const at = (depth: number): number => (depth - da) / (db - da);
  const [low, high] = [at(-reach), at(reach)].sort((x, y) => x - y) as [number, number];
  return [Math.max(0, low), Math.min(1, high)];
}
