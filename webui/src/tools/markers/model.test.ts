// Sets of markers: new points, names, colours, what belongs together, and files as NORA writes them.
import { expect, test } from "vitest";
import { extentMm, moved, outlined, pushed, withShort } from "./changes";
import { crossed, moveEnd } from "./diameter";
import type { Plane } from "./depth";
import type { Kind, SetData } from "./model";
import {
  completed,
  contactsOf,
  isFull,
  KINDS,
  mmOf,
  newSet,
  NORA_STATE,
  shiftAll,
  withContacts,
  withoutPoint,
  withPoint,
} from "./model";
import type { Vec3 } from "./vectors";
import { angleBetween, distance, dot, sub } from "./vectors";

const Z: Vec3 = [0, 0, 1];
const axial: Plane = {
  view: {
    axes: { right: [1, 0, 0], up: [0, 1, 0], normal: Z },
    origin: [0, 0, 0],
    mmPerPixel: 1,
    size: { width: 200, height: 200 },
  },
  stepMm: 2,
};

const points = (kind: Kind, ...all: Vec3[]): SetData =>
  all.reduce<SetData>((set, mm) => withPoint(set, mm), newSet(kind, "s"));

test("MARK-x01: points are noname, noname_1 … with NORA's colours and a size of 5 mm", () => {
  const set = points("pointset", [0, 0, 0], [1, 0, 0], [2, 0, 0]);
  expect(set.points.map(({ name }) => name)).toEqual(["noname", "noname_1", "noname_2"]);
  expect(set.points.map(({ color }) => color)).toEqual(["#ff0000", "#00ff00", "#0000ff"]);
  expect(set.points.map(({ size }) => size)).toEqual([5, 5, 5]);
  expect(set.points[0]!.coords).toEqual([0, 0, 0, 1]);
  expect(new Set(set.points.map(({ id }) => id)).size).toBe(3);
  const again = withPoint(withoutPoint(set, set.points[1]!.id), [3, 0, 0]);
  expect(again.points.map(({ name }) => name)).toEqual(["noname", "noname_2", "noname_1"]);
  expect(new Set(again.points.map(({ id }) => id)).size).toBe(3);
});

test("MARK-08: every kind is offered and begins empty, with NORA's state", () => {
  expect(KINDS).toContain("scribble");
  for (const kind of KINDS) {
    const set = newSet(kind, kind);
    expect(set.points).toEqual([]);
    expect(Object.keys(set.state)).toEqual(expect.arrayContaining(Object.keys(NORA_STATE)));
  }
});

test("MARK-08: a correspondence is a source and a target, and goes as a pair", () => {
  const set = points("correspondence", [0, 0, 0], [5, 0, 0]);
  expect(set.points.map(({ name }) => name)).toEqual(["source", "target"]);
  expect(isFull(set)).toBe(true);
  expect(withoutPoint(set, set.points[1]!.id).points).toEqual([]);
});

test("MARK-08: a line takes points between others", () => {
  const set = withPoint(points("freeline", [0, 0, 0], [9, 0, 0]), [4, 1, 0], {}, 1);
  expect(set.points.map((point) => mmOf(point)[0])).toEqual([0, 4, 9]);
  expect(new Set(set.points.map(({ color }) => color)).size).toBe(1);
});

test("MARK-08: contacts lie along the lead, and those of a file go along with it", () => {
  const lead = points("electrode", [0, 0, 0], [0, 0, 40]);
  expect(contactsOf(lead).map((mm) => mm[2])).toEqual([2.25, 4.25, 6.25, 8.25]);
  expect(contactsOf({ ...lead, elecmodel: "dist1mm" })).toHaveLength(40);
  expect(contactsOf({ ...lead, elecmodel: "Unknown" })).toEqual([]);
  const named = withPoint(lead, [9, 9, 9], { isContact: true, name: "c0" });
  const shifted = withContacts(shiftAll(named, [10, 0, 0]));
  expect(shifted.points[2]!.coords).toEqual([10, 0, 2.25, 1]);
  expect(isFull(named)).toBe(true);
});

test("MARK-08: the two diameters stay perpendicular and in one plane", () => {
  const four = crossed([0, 0, 5], [30, 0, 5], Z);
  expect(distance(four[2], four[3])).toBeCloseTo(20);
  for (const [which, to] of [
    [0, [-7, 9, 5]],
    [1, [25, 11, 12]],
    [2, [10, -18, 5]],
    [3, [4, 6, 1]],
  ] as const) {
    const next = moveEnd(four, which, to, Z);
    expect(angleBetween(sub(next[1], next[0]), sub(next[3], next[2]))).toBeCloseTo(90);
    for (const mm of next) expect(dot(mm, Z)).toBeCloseTo(5);
  }
  const set = withShort(points("2diameter", [0, 0, 0], [12, 0, 0]), Z);
  expect(set.points.map(({ name }) => name)).toEqual(["long 1", "long 2", "short 1", "short 2"]);
  const after = moved(set, set.points[0]!.id, [-6, 6, 0], Z);
  const [a, b, c, d] = after.points.map(mmOf) as [Vec3, Vec3, Vec3, Vec3];
  expect(dot(sub(b, a), sub(d, c))).toBeCloseTo(0);
});

test("MARK-08: outlines close where they began, move whole and can be pushed", () => {
  const way = Array.from({ length: 40 }, (_, i): Vec3 => [
    20 * Math.cos((i / 39) * 6.2),
    20 * Math.sin((i / 39) * 6.2),
    0,
  ]);
  const set = outlined(newSet("scribble", "s"), way, 5);
  const [point] = set.points;
  expect(point!.closed).toBe(true);
  expect(outlined(newSet("scribble", "s"), way.slice(0, 20), 5).points[0]!.closed).toBe(false);
  const shifted = moved(set, point!.id, [1, 2, 3], Z).points[0]!;
  expect(shifted.subpoints![0]).toEqual([21, 2, 3, 1]);
  const dented = pushed(set, axial, [20, 0, 0], [-4, 0, 0], 8).points[0]!;
  expect(dented.subpoints![0]![0]).toBeCloseTo(16);
  expect(dented.subpoints![20]).toEqual(point!.subpoints![20]);
  const away = { ...axial, view: { ...axial.view, origin: [0, 0, 30] as Vec3 } };
  expect(pushed(set, away, [20, 0, 0], [-4, 0, 0], 8)).toEqual(set);
});

test("MARK-07: what a file says beyond what we know stays in it", () => {
  const told = {
    name: "x",
    type: "surface",
    panelpos: [1],
    state: { locked: 1, odd: "kept" },
    points: [{ name: "A", coords: [1, 2, 3, 1], voltage: 2 }, { coords: [1, 2, 3, 1] }],
  };
  const set = completed(told, 0);
  expect(set["panelpos"]).toEqual([1]);
  expect(set.state).toMatchObject({ locked: 1, odd: "kept", showThroughSlice: true });
  expect(set.points[0]!["voltage"]).toBe(2);
  expect(set.points[1]!.name).toBe("noname");
  expect(set.points[0]!.id).not.toBe(set.points[1]!.id);
});

test("the longest side of an image is known whatever its axes", () => {
  expect(extentMm([10, 20, 30], [0, 0, 2, 0, 3, 0, 0, 0, 0, 1, 0, 0])).toBe(60);
});
