// How dragging changes a set, by its kind; nothing here knows of the page.
import type { Four } from "./diameter";
import { crossed, moveEnd } from "./diameter";
import type { Plane } from "./depth";
import { outlineOf, outlineShows } from "./hits";
import type { SetData } from "./model";
import { mmOf, place, shifted, withContacts, withPoint } from "./model";
import type { Vec3 } from "./vectors";
import { add, distance, middleOf, times } from "./vectors";

/** Move one point by a way; its partners follow where the kind asks for it. */
export function moved(set: SetData, id: string, by: Vec3, normal: Vec3): SetData {
  const at = set.points.findIndex((point) => point.id === id);
  const point = set.points[at];
  if (!point) return set;
  if (set.type === "2diameter" && set.points.length === 4) {
    const four = set.points.map(mmOf) as unknown as Four;
    const next = moveEnd(four, at, add(mmOf(point), by), normal);
    return { ...set, points: set.points.map((one, i) => ({ ...one, coords: place(next[i]!) })) };
  }
  const points = set.points.map((one) => (one.id === id ? shifted(one, by) : one));
  return withContacts({ ...set, points });
}

/** The two ends are there: the short diameter is added across them. */
export function withShort(set: SetData, normal: Vec3): SetData {
  const [a, b] = set.points.map(mmOf);
  if (!a || !b || set.points.length !== 2 || distance(a, b) === 0) return set;
  const [, , c, d] = crossed(a, b, normal);
  return withPoint(withPoint(set, c), d);
}

/** Push outlines of a slice along, strongest in the middle of the pusher. */
export function pushed(set: SetData, plane: Plane, at: Vec3, by: Vec3, radius: number): SetData {
  const push = (mm: Vec3): number[] => {
    const d = distance(mm, at) / radius;
    return place(d < 1 ? add(mm, times(by, (1 - d * d) ** 2)) : mm);
  };
  const points = set.points.map((point) => {
    if (!point.subpoints || !outlineShows(set, point, plane)) return point;
    const line = outlineOf(point);
    if (!line.some((mm) => distance(mm, at) < radius)) return point;
    const subpoints = line.map(push);
    return { ...point, subpoints, coords: place(middleOf(line)) };
  });
  return { ...set, points };
}

/** An outline from the way of the pointer; closed when it ends where it began. */
export function outlined(set: SetData, way: readonly Vec3[], closeMm: number): SetData {
  const first = way[0]!;
  const closed = way.length > 8 && distance(first, way.at(-1)!) <= closeMm;
  const subpoints = way.map(place);
  return withPoint(set, middleOf(way), { subpoints, closed });
}

/** Longest side of an image in mm. */
export function extentMm(shape: readonly number[], affine: readonly number[]): number {
  const edge = (c: number): number => Math.hypot(affine[c]!, affine[4 + c]!, affine[8 + c]!);
  return Math.max(...[0, 1, 2].map((c) => shape[c]! * edge(c)));
}
