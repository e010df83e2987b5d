// Templates: named points that wait to be placed.
import { expect, test } from "vitest";
import { mmOf, newSet, withPoint, type SetData } from "./model";
import { asTemplates, nextTemplate, templatesOf, withTemplate } from "./templates";

const TEMPLATES = {
  AC: { color: "#00ff00", radius: 2, viewport: 0 },
  PC: { color: "green" },
  MSP: null,
};
const set = (templates: unknown = TEMPLATES): SetData => ({
  ...newSet("pointset", "landmarks"),
  templates,
});

test("MARK-08: templates of NORA are read with their colour and radius", () => {
  expect(templatesOf(set())).toEqual([
    { name: "AC", color: "#00ff00", radius: 2, point: undefined },
    { name: "PC", color: "#00ff00", radius: undefined, point: undefined },
    { name: "MSP", color: "#0000ff", radius: undefined, point: undefined },
  ]);
  for (const none of [null, [], "AC", 3]) expect(templatesOf(set(none))).toEqual([]);
  expect(templatesOf({ ...newSet("ruler", "r"), templates: TEMPLATES })).toEqual([]);
});

test("a template becomes a point of its name, once; the next one waits", () => {
  const first = withTemplate(set(), "AC", [1, 2, 3])!;
  const [point] = first.set.points;
  expect(point).toMatchObject({ name: "AC", color: "#00ff00", size: 2, coords: [1, 2, 3, 1] });
  expect(first.id).toBe(point!.id);
  expect(nextTemplate(first.set, "AC")).toBe("PC");
  const again = withTemplate(first.set, "AC", [4, 5, 6])!;
  expect(again.set.points.map(mmOf)).toEqual([[4, 5, 6]]);
  const last = withTemplate(withTemplate(again.set, "MSP", [0, 0, 0])!.set, "PC", [7, 8, 9])!.set;
  expect(last.points.map(({ name }) => name)).toEqual(["AC", "MSP", "PC"]);
  expect(nextTemplate(last, "PC")).toBeNull();
  expect(nextTemplate(withTemplate(set(), "MSP", [0, 0, 0])!.set, "MSP")).toBe("AC");
  expect(withTemplate(set(), "nobody", [0, 0, 0])).toBeNull();
});

test("points of a set become templates of the same names", () => {
  const made = withPoint(
    withPoint(newSet("pointset", "p"), [0, 0, 0], { name: "AC", size: 3 }),
    [1, 1, 1],
    { name: "PC" },
  );
  const templates = asTemplates(made);
  expect(templates).toEqual({
    AC: { color: "#ff0000", radius: 3 },
    PC: { color: "#00ff00", radius: 5 },
  });
  const fresh = { ...newSet("pointset", "q"), templates };
  expect(templatesOf(fresh).map(({ name, radius }) => [name, radius])).toEqual([
    ["AC", 3],
    ["PC", 5],
  ]);
});
