import { expect, test } from "vitest";
import { existing, fitting, sorted, toggled } from "./tagtable";

const row = (name: string, n_files = 0): Parameters<typeof sorted>[0][number] => ({
  name,
  n_files,
  n_studies: 0,
  n_subjects: 0,
  meaning: "",
});
const names = (rows: { name: string }[]): string[] => rows.map((one) => one.name);

test("a filter asks for all its words, whatever the case", () => {
  const rows = [row("Group A"), row("group b"), row("Ärger")];
  expect(names(fitting(rows, "GROUP a"))).toEqual(["Group A"]);
  expect(names(fitting(rows, "ärg"))).toEqual(["Ärger"]);
  expect(fitting(rows, "  ")).toHaveLength(3);
});

test("sorting by a count keeps names in order among equals", () => {
  const rows = [row("b", 1), row("c", 5), row("a", 1)];
  expect(names(sorted(rows, { by: "n_files", down: true }))).toEqual(["c", "a", "b"]);
  expect(names(sorted(rows, { by: "name", down: true }))).toEqual(["c", "b", "a"]);
});

test("choosing twice is not choosing", () => {
  const once = toggled(new Set(), "a");
  expect([...once]).toEqual(["a"]);
  expect([...toggled(once, "a")]).toEqual([]);
});

test("a name that is taken by another tag is found", () => {
  expect(existing(["Mask", "b"], " mask ", ["b"])).toBe("Mask");
  expect(existing(["Mask"], "MASK", ["Mask"])).toBe("");
  expect(existing(["Mask"], "", [])).toBe("");
});
