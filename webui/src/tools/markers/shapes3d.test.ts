// What sets look like in a 3D viewport.
import { expect, test } from "vitest";
import { projection3d } from "../../viewer/pose3d";
import { newSet, withPoint, type Kind, type SetData } from "./model";
import { shapes3d, type Shape3d } from "./shapes3d";
import type { Vec3 } from "./vectors";

const FRONT = projection3d(
  { azimuth: 180, elevation: 0, pivot: [0, 0, 0], reach: 100, zoom: 1 },
  320,
  320,
);
const made = (kind: Kind, ...places: Vec3[]): SetData =>
  places.reduce((set, mm) => withPoint(set, mm), newSet(kind, kind));
const kinds = (set: SetData): Record<string, number> => {
  const found: Record<string, number> = {};
  for (const { kind } of shapes3d(set, FRONT)) found[kind] = (found[kind] ?? 0) + 1;
  return found;
};
const balls = (set: SetData): Extract<Shape3d, { kind: "ball" }>[] =>
  shapes3d(set, FRONT).filter((one) => one.kind === "ball");

test("MARK-08: points are balls of their size at their place, the nearest drawn last", () => {
  const set = made("pointset", [0, 50, 0], [0, -50, 0], [40, 0, 20]);
  const [far, middle, near] = balls(set);
  expect([far!.id, middle!.id, near!.id]).toEqual([1, 2, 0].map((n) => set.points[n]!.id));
  // 2 px per mm: from the front the patient's right is at the left.
  expect(near).toMatchObject({ x: 160, y: 160, r: 10, opacity: 0.875 });
  expect([middle!.x, middle!.y].map(Math.round)).toEqual([80, 120]);
  expect(far!.opacity).toBeLessThan(near!.opacity);
  const hidden = { ...set, points: set.points.map((one) => ({ ...one, visible: false })) };
  expect(shapes3d(hidden, FRONT)).toEqual([]);
});

test.each<[Kind, Vec3[], Record<string, number>]>([
  [
    "freeline",
    [
      [0, 0, 0],
      [10, 0, 0],
      [10, 10, 0],
    ],
    { ball: 3, line: 2 },
  ],
  [
    "ruler",
    [
      [0, 0, 0],
      [10, 0, 0],
    ],
    { ball: 2, line: 1 },
  ],
  [
    "2diameter",
    [
      [0, 0, 0],
      [10, 0, 0],
      [5, 5, 0],
      [5, -5, 0],
    ],
    { ball: 4, line: 2 },
  ],
  [
    "correspondence",
    [
      [0, 0, 0],
      [10, 0, 0],
    ],
    { ball: 2, line: 1, text: 2 },
  ],
  [
    "electrode",
    [
      [0, 0, 0],
      [0, 0, 30],
    ],
    { ball: 6, line: 1, text: 6 },
  ],
])("MARK-08: a %s is drawn as what it is", (kind, places, wanted) => {
  expect(kinds(made(kind, ...places))).toEqual(wanted);
});

test("MARK-08: boxes have twelve edges, outlines are one line", () => {
  const box = withPoint(newSet("boxes", "b"), [0, 0, 0], { size: [10, 20, 30, 0] });
  expect(kinds(box)).toEqual({ line: 12 });
  const subpoints = [
    [0, 0, 0, 1],
    [10, 0, 0, 1],
    [10, 0, 10, 1],
  ];
  const open = withPoint(newSet("scribble", "s"), [0, 0, 0], { subpoints, name: "rim" });
  const path = (set: SetData): string => {
    const line = shapes3d(set, FRONT).find((one) => one.kind === "line");
    return line?.kind === "line" ? line.path : "";
  };
  expect(kinds(open)).toEqual({ line: 1, text: 1 });
  expect(path(open).match(/[ML]/g)).toEqual(["M", "L", "L"]);
  const closed = { ...open, points: [{ ...open.points[0]!, closed: true }] };
  expect(path(closed).match(/[ML]/g)).toEqual(["M", "L", "L", "L"]);
});

test("names are left away when the set says so", () => {
  const set = made("pointset", [0, 0, 0]);
  expect(kinds(set)).toEqual({ ball: 1, text: 1 });
  expect(kinds({ ...set, state: { ...set.state, labels: false } })).toEqual({ ball: 1 });
});
