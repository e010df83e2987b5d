// Sets of markers as NORA writes them, never changed in place: kinds, new sets, points and names.
import type { Vec3 } from "./vectors";
import { add, distance, middleOf, sub } from "./vectors";

/** Kinds that "new+" offers, in its order; others are shown and kept as they are. */
export const KINDS = [
  "pointset",
  "freeline",
  "correspondence",
  "scribble",
  "boxes",
  "pointROI",
  "electrode",
  "ruler",
  "2diameter",
] as const;
export type Kind = (typeof KINDS)[number];

/** NORA's list of colours. */
export const COLOURS = [
  "#ff0000",
  "#00ff00",
  "#0000ff",
  "#ff00ff",
  "#00ffff",
  "#ffff00",
  "#ff8000",
  "#ff0080",
  "#80ff80",
  "#0080ff",
  "#808080",
  "#b9aa9b",
] as const;

/** Middles of the contacts of a lead, in mm from its tip. */
export const LEADS: Record<string, readonly number[]> = {
  Medtronic3387: [2.25, 5.25, 8.25, 11.25],
  Medtronic3389: [2.25, 4.25, 6.25, 8.25],
  BostonCartesia: [0.7, 2.7, 4.7, 6.7],
  BostonOctopolar: Array.from({ length: 8 }, (_, i) => 2.25 + 2 * i),
  BostonOctopolarDir: Array.from({ length: 8 }, (_, i) => 2.25 + 2 * i),
  Atech15: Array.from({ length: 15 }, (_, i) => 1 + 4.5 * i),
  Dixi15: Array.from({ length: 15 }, (_, i) => 1 + 3.5 * i),
};
export const EVERY_MM = "dist1mm";

export interface Point {
  id: string;
  name: string;
  /** World RAS+ mm and a 1. */
  coords: readonly number[];
  /** Radius in mm; edges of a box. */
  size?: number | readonly number[];
  color?: string;
  comment?: string;
  visible?: boolean;
  /** Outline of a scribble. */
  subpoints?: readonly (readonly number[])[];
  closed?: boolean;
  isContact?: boolean;
  [key: string]: unknown;
}

export interface SetState {
  visible?: boolean;
  /** 0 free, 1 nothing is made or deleted by a click, 2 clicks only jump. */
  locked?: number;
  cyclecolors?: boolean;
  defaultradius?: number;
  showThroughSlice?: boolean;
  showOnAllImages?: boolean;
  follow?: number;
  /** Ours: shown on every slice, on images of other studies, and names beside the points. */
  projectAll?: boolean;
  everywhere?: boolean;
  labels?: boolean;
  [key: string]: unknown;
}

export interface SetData {
  name: string;
  type: string;
  points: readonly Point[];
  state: SetState;
  closed?: boolean;
  elecmodel?: string;
  [key: string]: unknown;
}

export const NORA_STATE: SetState = {
  visible: true,
  locked: 0,
  hoverdetails: false,
  createonclick: false,
  cyclecolors: true,
  defaultradius: 5,
  delSetOnPanelClose: false,
  pointROIthresh: 300,
  showThroughSlice: true,
  showOnAllImages: true,
  follow: 1,
};

const RADIUS: Partial<Record<Kind, number>> = { freeline: 2, electrode: 2, ruler: 2 };
/** Points that are not named "noname", by kind and place in the set. */
const NAMES: Partial<Record<string, readonly string[]>> = {
  correspondence: ["source", "target"],
  electrode: ["tip", "end"],
  ruler: ["start", "end"],
  "2diameter": ["long 1", "long 2", "short 1", "short 2"],
};

/** How many points a kind has at most. */
export const capacity = (type: string): number =>
  ({ correspondence: 2, electrode: 2, ruler: 2, "2diameter": 4 })[type] ?? Infinity;

/** Points that a person has placed: contacts of a lead are computed. */
export const placed = (set: SetData): readonly Point[] =>
  set.points.filter((point) => !point.isContact);

export const isFull = (set: SetData): boolean => placed(set).length >= capacity(set.type);
export const isLine = (type: string): boolean => type === "freeline" || type === "surface";

/** "base", "base_1", "base_2": the first that is free. */
export function uniqueName(base: string, taken: Iterable<string>): string {
  const known = new Set(taken);
  for (let n = 0; ; n++) {
    const name = n ? `${base}_${n}` : base;
    if (!known.has(name)) return name;
  }
}

/** The n-th new set: kinds of one colour take the n-th of the list. */
export function newSet(kind: Kind, name: string, n = 0): SetData {
  const radius = RADIUS[kind] ?? 5;
  const lead = kind === "electrode" ? { elecmodel: "Medtronic3389" } : {};
  const color = COLOURS[n % COLOURS.length]!;
  const state = { ...NORA_STATE, defaultradius: radius, labels: true, color };
  return { name, type: kind, points: [], state, ...lead };
}

function nextId(set: SetData): string {
  const known = new Set(set.points.map(({ id }) => id));
  for (let n = set.points.length; ; n++) {
    const id = `${set.name}P${String(n).padStart(5, "0")}`;
    if (!known.has(id)) return id;
  }
}

const nextColour = (set: SetData): string => {
  const cycles = set.type === "pointset" && set.state.cyclecolors !== false;
  const first = set.points[0]?.color;
  if (cycles) return COLOURS[set.points.length % COLOURS.length]!;
  return first ?? (set.state["color"] as string | undefined) ?? COLOURS[0];
};

export const place = (mm: Vec3): number[] => [...mm, 1];
export const mmOf = ({ coords }: Point): Vec3 => [coords[0]!, coords[1]!, coords[2]!];

/** Radius of a point in mm. */
export function radiusOf(set: SetData, point: Point): number {
  const { size } = point;
  if (typeof size === "number") return size;
  if (size) return Math.max(...size.slice(0, 3)) / 2;
  return Number(set.state.defaultradius ?? 5);
}

/** Edges of a box in mm. */
export function edgesOf(point: Point): Vec3 {
  const { size } = point;
  if (typeof size === "number") return [size, size, size];
  return [size?.[0] ?? 0, size?.[1] ?? 0, size?.[2] ?? 0];
}

/** A set with one more point, at the end or before another. */
export function withPoint(
  set: SetData,
  mm: Vec3,
  more: Partial<Point> = {},
  at = set.points.length,
): SetData {
  const fixed = NAMES[set.type]?.[placed(set).length];
  const name =
    fixed ??
    uniqueName(
      "noname",
      set.points.map((point) => point.name),
    );
  const point: Point = {
    id: nextId(set),
    name,
    coords: place(mm),
    size: Number(set.state.defaultradius ?? 5),
    color: nextColour(set),
    visible: true,
    active: true,
    ...more,
  };
  return { ...set, points: set.points.toSpliced(at, 0, point) };
}

export function withoutPoint(set: SetData, id: string): SetData {
  // A pair, a ruler or a diameter without one of its points is nothing.
  const all = capacity(set.type) !== Infinity && isFull(set);
  return { ...set, points: all ? [] : set.points.filter((point) => point.id !== id) };
}

export function patchPoint(set: SetData, id: string, patch: Partial<Point>): SetData {
  const points = set.points.map((point) => (point.id === id ? { ...point, ...patch } : point));
  return { ...set, points };
}

/** Move a point with all that belongs to it. */
export function shifted(point: Point, by: Vec3): Point {
  const moved = { ...point, coords: place(add(mmOf(point), by)) };
  if (point.subpoints)
    moved.subpoints = point.subpoints.map((one) => place(add([one[0]!, one[1]!, one[2]!], by)));
  return moved;
}

export const shiftAll = (set: SetData, by: Vec3): SetData => ({
  ...set,
  points: set.points.map((point) => shifted(point, by)),
});

/** Offsets of the contacts of a lead of some length. */
export function offsetsOf(model: string | undefined, length: number): readonly number[] {
  const name = (model ?? "").split(" ")[0]!;
  if (name !== EVERY_MM) return LEADS[name] ?? [];
  return Array.from({ length: Math.floor(length) }, (_, i) => 0.5 + i);
}

/** Tip and end of a lead, whatever their order. */
export function leadEnds(set: SetData): { tip: Point; end: Point } | null {
  const all = placed(set);
  const tip = all.find(({ name }) => name === "tip") ?? all[0];
  const end = all.find(({ name }) => name === "end") ?? all[1];
  return tip && end && tip !== end ? { tip, end } : null;
}

/** Places of the contacts of a lead. */
export function contactsOf(set: SetData): Vec3[] {
  const ends = set.type === "electrode" ? leadEnds(set) : null;
  if (!ends) return [];
  const [from, to] = [mmOf(ends.tip), mmOf(ends.end)];
  const length = distance(from, to);
  if (length === 0) return [];
  const [x, y, z] = sub(to, from);
  return offsetsOf(set.elecmodel, length).map((mm): Vec3 => {
    const t = mm / length;
    return [from[0] + t * x, from[1] + t * y, from[2] + t * z];
  });
}

/** Contacts that a file names as points go along with tip and end. */
export function withContacts(set: SetData): SetData {
  const contacts = contactsOf(set);
  if (!contacts.length || !set.points.some((point) => point.isContact)) return set;
  let n = -1;
  const points = set.points.map((point) => {
    if (!point.isContact) return point;
    const mm = contacts[++n];
    return mm ? { ...point, coords: place(mm) } : point;
  });
  return { ...set, points };
}

/** Middle of all that a set shows. */
export function centreOf(set: SetData): Vec3 | null {
  const places = set.points.map(mmOf);
  return places.length ? middleOf(places) : null;
}

/** What is told of a set from outside, completed; unknown keys stay. */
export function completed(one: Record<string, unknown>, at: number): SetData {
  const name = String(one["name"] ?? `annotation ${at + 1}`);
  const told = one["state"];
  const state = { ...NORA_STATE, ...(typeof told === "object" ? told : {}) };
  const known = new Set<string>();
  const points = (Array.isArray(one["points"]) ? one["points"] : []).map(
    (point: Record<string, unknown>, n): Point => {
      const outline = point["subpoints"] as number[][] | undefined;
      const middle = outline?.length
        ? middleOf(outline.map((sub): Vec3 => [sub[0]!, sub[1]!, sub[2]!]))
        : ([0, 0, 0] as Vec3);
      const given = String(point["id"] ?? `${name}P${String(n).padStart(5, "0")}`);
      const id = uniqueName(given, known);
      known.add(id);
      return {
        ...point,
        id,
        name: String(point["name"] ?? "noname"),
        coords: (point["coords"] as number[] | undefined) ?? place(middle),
      };
    },
  );
  return { ...one, name, type: String(one["type"] ?? "pointset"), points, state };
}
