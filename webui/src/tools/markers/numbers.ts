// Numbers of sets by their kind: the same, under the same names, as the service gives.
import { contactsOf, edgesOf, leadEnds, mmOf, radiusOf, type Point, type SetData } from "./model";
import { outlineOf } from "./hits";
import { eigen } from "./eigen";
import type { Vec3 } from "./vectors";
import { add, angleBetween, cross, distance, middleOf, norm, sub, times, unit } from "./vectors";

export type Numbers = Record<string, unknown>;

const places = (set: SetData): Vec3[] =>
  set.points.filter((point) => point.coords.length).map(mmOf);

/** Spread of places: population standard deviation by axis. */
function spread(all: readonly Vec3[], mean: Vec3): Vec3 {
  const sum = all.reduce<Vec3>(
    (s, one) => add(s, sub(one, mean).map((d) => d * d) as unknown as Vec3),
    [0, 0, 0],
  );
  return times(sum, 1 / all.length).map(Math.sqrt) as unknown as Vec3;
}

function pointset(set: SetData): Numbers {
  const all = places(set);
  if (!all.length) return {};
  const mean = middleOf(all);
  const found: Numbers = { mean_mm: mean, std_mm: spread(all, mean) };
  if (all.length >= 3) {
    const entry = (r: number, c: number): number =>
      all.reduce((s, one) => s + (one[r]! - mean[r]!) * (one[c]! - mean[c]!), 0) / all.length;
    const matrix = [0, 1, 2].map((r) => [0, 1, 2].map((c) => entry(r, c)));
    found["axes"] = eigen(matrix).map(({ value, direction }) => ({
      length_mm: Math.sqrt(Math.max(0, value)),
      direction,
    }));
  }
  return found;
}

function freeline(set: SetData): Numbers {
  const all = places(set);
  if (set.closed && all.length > 2) all.push(all[0]!);
  const segments = all.slice(1).map((mm, i) => distance(mm, all[i]!));
  return {
    length_mm: segments.reduce((sum, one) => sum + one, 0),
    segments_mm: segments,
    angles_deg: all
      .slice(1, -1)
      .map((mm, i) => angleBetween(sub(all[i]!, mm), sub(all[i + 2]!, mm))),
  };
}

function correspondence(set: SetData): Numbers {
  const source = set.points.find(({ name }) => name === "source") ?? set.points[0];
  const target = set.points.find(({ name }) => name === "target") ?? set.points[1];
  if (set.points.length !== 2 || !source || !target) return {};
  const shift = sub(mmOf(target), mmOf(source));
  return { shift_mm: shift, length_mm: norm(shift) };
}

/** Area of a polygon in space: the length of its vector area. */
function areaMm2(line: readonly Vec3[]): number {
  if (line.length < 3) return 0;
  const spokes = line.slice(1).map((mm) => sub(mm, line[0]!));
  const sum = spokes
    .slice(1)
    .reduce<Vec3>((total, spoke, i) => add(total, cross(spokes[i]!, spoke)), [0, 0, 0]);
  return norm(sum) / 2;
}

function outline(point: Point): Numbers {
  const line = outlineOf(point);
  const length = line.slice(1).reduce((sum, mm, i) => sum + distance(mm, line[i]!), 0);
  const back = line.length ? distance(line[0]!, line.at(-1)!) : 0;
  return {
    name: point.name,
    length_mm: length,
    circumference_mm: length + back,
    area_cm2: areaMm2(line) / 100,
  };
}

function box(point: Point): Numbers {
  const edges = edgesOf(point);
  return { name: point.name, size_mm: edges, volume_ml: (edges[0] * edges[1] * edges[2]) / 1000 };
}

function ruler(set: SetData): Numbers {
  const [a, b] = places(set);
  if (a && b) return { length_mm: distance(a, b) };
  const direction = set.points.find((point) => Array.isArray(point["dir"]))?.["dir"];
  return { length_mm: Math.hypot(...((direction as number[] | undefined) ?? [])) };
}

/** Circumference of an ellipse by Ramanujan's second approximation. */
function ellipse(a: number, b: number): number {
  if (a + b === 0) return 0;
  const h = ((a - b) / (a + b)) ** 2;
  return Math.PI * (a + b) * (1 + (3 * h) / (10 + Math.sqrt(4 - 3 * h)));
}

function diameters(set: SetData): Numbers {
  const [a, b, c, d] = places(set);
  if (set.points.length !== 4 || !a || !b || !c || !d) return {};
  const [d1, d2] = [distance(a, b), distance(c, d)];
  return {
    d1_mm: d1,
    d2_mm: d2,
    circumference_mm: ellipse(d1 / 2, d2 / 2),
    area_cm2: (Math.PI * d1 * d2) / 400,
    angle_deg: angleBetween(sub(b, a), sub(d, c)),
  };
}

function electrode(set: SetData): Numbers {
  const ends = leadEnds(set);
  if (!ends) return {};
  const axis = sub(mmOf(ends.end), mmOf(ends.tip));
  const length = norm(axis);
  if (length === 0) return { length_mm: 0 };
  return { length_mm: length, direction: unit(axis), contacts: contactsOf(set) };
}

const BY_TYPE: Record<string, (set: SetData) => Numbers> = {
  "2diameter": diameters,
  "3druler": ruler,
  boxes: (set) => ({ boxes: set.points.map(box) }),
  circles: (set) => ({
    volumes_ml: set.points.map((point) => (4 / 3) * Math.PI * (radiusOf(set, point) ** 3 / 1000)),
  }),
  correspondence,
  electrode,
  freeline,
  ruler,
  scribble: (set) => ({ outlines: set.points.map(outline) }),
  surface: (set) => ({ area_cm2: areaMm2(places(set)) / 100 }),
};

/** All numbers of a set: lengths in mm, angles in degrees (180 is straight), cm² and mL. */
export function measure(set: SetData): Numbers {
  const head = { name: set.name, type: set.type, n_points: set.points.length };
  return { ...head, ...(BY_TYPE[set.type] ?? pointset)(set) };
}
