import { describe, expect, it } from "vitest";
import type { DirectiveRow } from "../core/types";
import { fits, groupsOf } from "./directives";
import { moved } from "./series";

const row = (key: string, label = ""): DirectiveRow =>
  ({ key, label, help: "in pixels", value: "256" }) as DirectiveRow;

describe("the form of directives (ADOC-12)", () => {
  it("finds a directive by words of its key, label, help and value", () => {
    const thick = row("comparam.tilt.tilt.THICKNESS", "Thickness");
    expect(fits(thick, "")).toBe(true);
    expect(fits(thick, "pixels thick")).toBe(true);
    expect(fits(thick, "pixels gold")).toBe(false);
  });

  it("has them in the order of the steps, and what is of none last", () => {
    const keys = ["runtime.NAD.any.runNAD", "comparam.tilt.tilt.LOG", "setupset.copyarg.gold"];
    const groups = groupsOf(keys.map((key) => row(key)));
    expect(groups.flatMap((one) => one.rows.map((r) => r.key))).toEqual([...keys].reverse());
  });
});

it("arrows move among the switches of tilts and stay within (BRT-06)", () => {
  expect(moved("ArrowRight", 3, 13, 5)).toBe(4);
  expect(moved("ArrowDown", 3, 13, 5)).toBe(8);
  expect(moved("ArrowDown", 9, 13, 5)).toBe(9);
  expect(moved("ArrowLeft", 0, 13, 5)).toBe(0);
  expect(moved("End", 0, 13, 5)).toBe(12);
  expect(moved("a", 0, 13, 5)).toBeNull();
});
