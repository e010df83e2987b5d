import { expect, test } from "vitest";
import { isOn, NEW_GRANT, SWITCHES, turned } from "./grants";

test("a new member only looks", () => {
  expect(SWITCHES.filter((name) => isOn(NEW_GRANT, name))).toEqual([]);
});

test("an administrator of the project has every switch", () => {
  expect(SWITCHES.every((name) => isOn({ ...NEW_GRANT, role: "admin" }, name))).toBe(true);
});

test("jobs need Edit, and lose it with it", () => {
  const on = turned(NEW_GRANT, "batchtool", true);
  expect(isOn(on, "edit")).toBe(true);
  expect(isOn(on, "batchtool")).toBe(true);
  const off = turned(on, "edit", false);
  expect(isOn(off, "batchtool")).toBe(false);
});
