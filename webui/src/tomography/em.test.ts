import { expect, it } from "vitest";
import type { FileRow } from "../core/types";
import { emRowOf, partsOf, pixelText, sectionPoints, sizeText } from "./em";
import { rowOf } from "./series";

const file = (path: string): FileRow => ({ id: 7, path, psid: "S#V" }) as FileRow;
const STACK = {
  flow: "em-stack",
  name: "cells",
  source: "cells",
  n_sections: 3,
  size: [256, 192],
  type: "uint16",
  pixel_nm: 5,
  section_nm: 10,
  tilt_deg: 52,
  binning: 2,
  drift: "keep",
  shifts_px: [
    [0, 0],
    [1.5, -2],
    ["x", 1],
  ],
  median_shift_px: 1.2,
  flagged: { "2": "it is empty" },
  messages: ["a word", 7],
};

it("reads the report of a stack, and passes over what is of no use in it", () => {
  const row = emRowOf(file("stacks/cells/report.json"), STACK);
  expect(row?.kind).toBe("stack");
  expect(row?.place).toMatchObject({ name: "cells", own: "stacks/cells/", failed: false });
  const report = row?.report;
  if (!report) throw new Error("no report");
  expect(sizeText(report)).toBe("256 × 192 × 3");
  expect(pixelText(report)).toBe("5 × 10 nm");
  expect(report.flagged).toEqual([{ section: 2, why: "it is empty" }]);
  expect(report.messages).toEqual(["a word"]);
  expect(sectionPoints(report).map((one) => [one.x, one.y, one.group])).toEqual([
    [1, 0, "x"],
    [1, 0, "y"],
    [2, 1.5, "x"],
    [2, -2, "y"],
  ]);
  expect(partsOf(row).map((one) => one.path)).toEqual([
    "hedwig/neuro-cells",
    "hedwig/keyMov_cells.mp4",
    "hedwig/keyimg_cells.jpg",
  ]);
});

it("reads the report of a single image", () => {
  const told = { flow: "em-image", source: "a.dm3", size: [4096, 4096], pixel_nm: null };
  const row = emRowOf(file("images/a/report.json"), told);
  if (!row?.report) throw new Error("no report");
  expect([row.kind, sizeText(row.report), pixelText(row.report)]).toEqual([
    "image",
    "4096 × 4096",
    "–",
  ]);
  expect(partsOf(row)[0]?.path).toBe("a_LG.jpeg");
});

it("tells where a failure stopped, and leaves tilt series to their own list", () => {
  const steps = [
    { step: "check", state: "failed", error: "one section", facts: { flow: "em-stack" } },
  ];
  const path = "stacks/cells.failed/steps.json";
  expect(emRowOf(file(path), steps)).toMatchObject({
    kind: "stack",
    failedAt: "check",
    error: "one section",
    report: null,
  });
  const tilts = [{ step: "check", state: "failed", error: "no angles", facts: {} }];
  expect(emRowOf(file("tomography/TS.failed/steps.json"), tilts)).toBeNull();
  expect(rowOf(file("tomography/TS.failed/steps.json"), tilts)?.error).toBe("no angles");
  const report = { n_tilts: 41, engine: "embedded" };
  expect(emRowOf(file("tomography/TS/report.json"), report)).toBeNull();
  expect(emRowOf(file("stacks/cells/report.json"), [])).toBeNull();
  expect(emRowOf(file("report.json"), STACK)).toBeNull();
});
