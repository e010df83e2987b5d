// Numbers and files: what the shared vectors say, which the service is held to as well.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { newSet, withPoint } from "./model";
import { measure } from "./numbers";
import { isMarkerFile, parseMarkers, stemOf } from "./parse";
import { csv, pointTable, setTable, summary, tsv } from "./table";

interface Vectors {
  measured: { set: Record<string, unknown>; numbers: Record<string, unknown> }[];
  files: { name: string; text: string; sets?: Record<string, unknown>[]; notes?: number }[];
}

const FILE = join(import.meta.dirname, "../../../../tests/vectors/markers/vectors.json");
const { measured, files } = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;

/** Directions of axes have no sign; numbers agree to a millionth. */
function same(found: unknown, wanted: unknown, key = ""): void {
  if (typeof wanted === "number") expect(found, key).toBeCloseTo(wanted, 6);
  else if (key === "direction" && Array.isArray(wanted)) {
    const [a, b] = [found as number[], wanted as number[]];
    expect(Math.abs(a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!), key).toBeCloseTo(1, 6);
  } else if (Array.isArray(wanted)) {
    expect(found, key).toHaveLength(wanted.length);
    wanted.forEach((one, i) => same((found as unknown[])[i], one, key));
  } else if (typeof wanted === "object" && wanted !== null)
    for (const [name, one] of Object.entries(wanted))
      same((found as Record<string, unknown>)[name], one, name);
  else expect(found, key).toEqual(wanted);
}

const parsedOf = (set: Record<string, unknown>) =>
  parseMarkers("x.ano.json", JSON.stringify({ annotations: [set] })).sets[0]!;

test.each(measured.map((one) => [String(one.set["name"]), one] as const))(
  "numbers of %s are those of the service",
  (_, { set, numbers }) => {
    const found = measure(parsedOf(set));
    expect(Object.keys(found).sort()).toEqual(Object.keys(numbers).sort());
    same(found, numbers);
  },
);

test.each(files.map((one) => [one.name, one] as const))(
  "%s is read on this computer as the service reads it",
  (_, { name, text, sets, notes }) => {
    if (!sets) {
      expect(() => parseMarkers(name, text)).toThrow();
      return;
    }
    const found = parseMarkers(name, text);
    expect(found.sets).toHaveLength(sets.length);
    found.sets.forEach((set, i) => same(set, sets[i]));
    expect(found.notes).toHaveLength(notes ?? 0);
  },
);

test("files of markers are known by their names", () => {
  expect(["a.ano.json", "b.FCSV", "c.mrk.json"].every(isMarkerFile)).toBe(true);
  expect(["a.json", "fcsv", "a.nii"].some(isMarkerFile)).toBe(false);
  expect(stemOf("annotations/tumour.ano.json")).toBe("tumour");
});

test("the tables hold places, values under points and units, and no formula", () => {
  const set = withPoint(withPoint(newSet("ruler", "=1+1"), [0, 0, 0]), [3, 4, 0]);
  expect(summary(set)).toBe("5.0 mm");
  const sets = setTable([set]);
  expect(sets.rows).toContainEqual(["=1+1", "ruler", "length", 5, "mm"]);
  const read = (mm: readonly number[]): number | null => (mm[0] ? null : 17.5);
  const points = pointTable([set], [{ name: "t1", unit: "", read }]);
  expect(points.columns.at(-1)).toBe("t1");
  expect(points.rows.map((row) => row.at(-1))).toEqual([17.5, null]);
  const [head, first] = csv(points).split("\r\n");
  expect(head).toBe("set,point,x mm,y mm,z mm,size mm,comment,t1");
  expect(first).toBe("'=1+1,start,0,0,0,2,,17.5");
  expect(tsv(sets).split("\n")[2]).toBe("'=1+1\truler\tlength\t5\tmm");
});
