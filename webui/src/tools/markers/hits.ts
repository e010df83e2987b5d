// What of the markers lies under the pointer.
import { worldToScreen } from "../../viewer/planes";
import type { Plane } from "./depth";
import { boxCut, turnGrip } from "./boxes";
import { depthOf, projectionOf, strength } from "./depth";
import type { Point, SetData } from "./model";
import { isLine, mmOf, radiusOf } from "./model";
import type { Vec3 } from "./vectors";

export interface Hit {
  id: string;
  /** The corner of a box that is held. */
  corner?: Vec3;
  /** The grip that turns a box is held. */
  grip?: Vec3;
}

type Place = { x: number; y: number };

const POINT_PX = 9;
const LINE_PX = 6;
/** How far the grip of a box is from it. */
export const GRIP_PX = 22;

const apart = (a: Place, b: Place): number => Math.hypot(a.x - b.x, a.y - b.y);

/** Distance of a place to a stretch. */
export function toStretch(p: Place, a: Place, b: Place): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length2 = dx * dx + dy * dy;
  const t = length2 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2 : 0;
  const s = Math.min(1, Math.max(0, t));
  return apart(p, { x: a.x + s * dx, y: a.y + s * dy });
}

const nearPath = (p: Place, places: readonly Place[], closed: boolean): boolean =>
  places.some((one, i) => {
    const to = places[i + 1] ?? (closed ? places[0] : undefined);
    return to !== undefined && toStretch(p, one, to) <= LINE_PX;
  });

export const outlineOf = (point: Point): Vec3[] =>
  (point.subpoints ?? []).map((one): Vec3 => [one[0]!, one[1]!, one[2]!]);

/** Whether an outline lies in the slice (or near enough to show on it). */
export function outlineShows(set: SetData, point: Point, plane: Plane): boolean {
  const depth = outlineOf(point).reduce(
    (most, mm) => Math.max(most, Math.abs(depthOf(plane, mm))),
    0,
  );
  return strength(plane, depth, radiusOf(set, point), projectionOf(set)) > 0;
}

function hitOutline(set: SetData, point: Point, plane: Plane, p: Place): Hit | null {
  if (!outlineShows(set, point, plane)) return null;
  const places = outlineOf(point).map((mm) => worldToScreen(plane.view, mm));
  return nearPath(p, places, point.closed === true) ? { id: point.id } : null;
}

function hitBox(point: Point, plane: Plane, p: Place, turns: boolean): Hit | null {
  const corners = boxCut(plane, point);
  const screen = (mm: Vec3): Place => worldToScreen(plane.view, mm);
  const places = corners.map(screen);
  const at = places.findIndex((one) => apart(one, p) <= POINT_PX);
  if (at >= 0) return { id: point.id, corner: corners[at]! };
  const grip = turns ? turnGrip(plane, corners, GRIP_PX * plane.view.mmPerPixel) : null;
  if (grip && apart(screen(grip), p) <= POINT_PX) return { id: point.id, grip };
  return nearPath(p, places, true) ? { id: point.id } : null;
}

function hitPoint(set: SetData, point: Point, plane: Plane, p: Place): Hit | null {
  const spread = isLine(set.type) ? 2 * plane.stepMm : 0;
  const radius = Math.max(radiusOf(set, point), spread);
  const shows = strength(plane, depthOf(plane, mmOf(point)), radius, projectionOf(set)) > 0;
  return shows && apart(worldToScreen(plane.view, mmOf(point)), p) <= POINT_PX
    ? { id: point.id }
    : null;
}

/** The topmost point of a set at a place of a slice; the marked box can be turned, too. */
export function hitIn(
  set: SetData,
  plane: Plane,
  p: Place,
  marked: string | null = null,
): Hit | null {
  for (const point of [...set.points].reverse()) {
    if (point.visible === false) continue;
    const hit =
      set.type === "scribble"
        ? hitOutline(set, point, plane, p)
        : set.type === "boxes"
          ? hitBox(point, plane, p, point.id === marked && !set.state.locked)
          : hitPoint(set, point, plane, p);
    if (hit) return hit;
  }
  return null;
}

/** Before which point of a line a click inserts another; null: not on the line. */
export function stretchAt(set: SetData, plane: Plane, p: Place): number | null {
  const places = set.points.map((point) => worldToScreen(plane.view, mmOf(point)));
  const depth = set.points.map((point) => Math.abs(depthOf(plane, mmOf(point))));
  for (let i = 1; i < places.length; i++) {
    const close = Math.min(depth[i - 1]!, depth[i]!) <= 2 * plane.stepMm;
    if (close && toStretch(p, places[i - 1]!, places[i]!) <= LINE_PX) return i;
  }
  return null;
}
