import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { FileRow } from "../core/types";
import type { Tool } from "../core/types-jobs";
import {
  againBatch,
  median,
  medianPx,
  placeOf,
  readCourse,
  readReport,
  residualPoints,
  rowOf,
  shiftPoints,
  skipText,
  sorted,
  usedOf,
  type SeriesRow,
} from "./series";
import { series as text } from "./strings";
import { pointsText, px } from "./words";

/** As the workflow wrote it for a phantom of 192 pixels and 21 tilts without the third. */
const FILE = join(import.meta.dirname, "../../../tests/vectors/tomography_report.json");
const written = JSON.parse(readFileSync(FILE, "utf8")) as Record<string, unknown>;
const file = (path: string, mtime = "2026-11-22T04:00:00Z"): FileRow =>
  ({ id: path.length, path, psid: "S-1#V1", study_id: 1, mtime }) as FileRow;
const made = (path: string, more: object = {}, mtime?: string): SeriesRow =>
  rowOf(file(path, mtime), { ...written, ...more })!;

describe("a report of the workflow (BRT-06)", () => {
  const report = readReport(written)!;

  it("is read with its tilts, beads, residuals and what stands out", () => {
    expect([report.engine, report.method, report.nTilts]).toEqual(["embedded", "beads", 21]);
    expect(usedOf(report)).toBe(20);
    expect(report.leftOut).toEqual([2]);
    expect(report.flagged).toEqual([{ tilt: 2, why: "left out: taken out" }]);
    expect(report.residuals).toHaveLength(21);
    expect(report.residuals[2]).toBeNull();
    expect(medianPx(report)).toBeCloseTo(0.22, 3);
    expect(report.axisDeg).toBe(1.89);
    expect(pointsText(report)).toBe("11 beads");
    expect(report.directiveProblems).toEqual([]);
    const said = readReport({ ...written, directive_problems: ["x is no directive"] })!;
    expect(said.directiveProblems).toEqual(["x is no directive"]);
    expect(px(0.2194, 0.2194)).toBe("0.22 px · 0.219 nm");
    expect(px(0.2194, null)).toBe("0.22 px");
  });

  it("becomes points over the angle, without the tilt that is left out", () => {
    const points = residualPoints({ ...report, flagged: [{ tilt: 0, why: "odd" }] }, text);
    expect(points).toHaveLength(20);
    expect(points[0]).toEqual({ x: -60, y: 0.196, group: "flagged", label: "Tilt 1" });
    expect(points[2]?.label).toBe("Tilt 4");
    expect(residualPoints(report, text)[0]?.group).toBeNull();
    expect(shiftPoints(report, text)).toHaveLength(40);
  });

  it("of IMOD tells one residual and nothing of single tilts", () => {
    const of = readReport({ n_tilts: 41, engine: "imod", pixel_nm: 0, residual_px: 0.41 })!;
    expect([medianPx(of), of.pixelNm, usedOf(of), pointsText(of)]).toEqual([
      0.41,
      null,
      41,
      "IMOD",
    ]);
    expect(residualPoints(of, text)).toEqual([]);
  });

  it("is none where a file of that name is something else", () => {
    for (const other of [null, 3, [], {}, { n_tilts: "3", engine: "x" }, { engine: "embedded" }])
      expect(readReport(other)).toBeNull();
  });
});

describe("the rows of the table", () => {
  it("are named by their folders, failures too", () => {
    expect(placeOf("tomography/TS_1/report.json")).toEqual({
      name: "TS_1",
      folder: "tomography",
      own: "tomography/TS_1/",
      failed: false,
    });
    expect(placeOf("a/b/TS 2.failed/steps.json")).toMatchObject({ name: "TS 2", folder: "a/b" });
    for (const other of ["report.json", "a/steps.json", "a/other.json"])
      expect(placeOf(other)).toBeNull();
  });

  it("say why a series failed and where", () => {
    const steps = [
      { step: "check", state: "done", facts: { stacks: [{ name: "TS_2.st" }] } },
      { step: "tomogram", state: "failed", error: "too few beads" },
    ];
    const row = rowOf(file("tomography/TS_2.failed/steps.json"), steps);
    expect(row).toMatchObject({ report: null, error: "too few beads", place: { failed: true } });
    expect(readCourse(steps)).toEqual({
      stacks: ["TS_2.st"],
      failedAt: "tomogram",
      error: "too few beads",
      problems: [],
    });
    expect(readCourse("nothing")).toMatchObject({ stacks: [], failedAt: "", problems: [] });
    const told = [
      { step: "directives", state: "done", facts: { problems: ["x is no directive"] } },
    ];
    expect(readCourse(told).problems).toEqual(["x is no directive"]);
  });

  it("are sorted as a person reads them; what has no value comes last", () => {
    const rows = [made("t/TS_10/report.json"), made("t/TS_2/report.json", { axis_deg: -3 })];
    const failed = rowOf(file("t/TS_1.failed/steps.json"), [{ step: "check", state: "failed" }])!;
    const names = (...how: [Parameters<typeof sorted>[1], boolean]): string[] =>
      sorted([failed, ...rows], ...how).map((row) => row.place.name);
    expect(names("name", false)).toEqual(["TS_1", "TS_2", "TS_10"]);
    expect(names("name", true)).toEqual(["TS_10", "TS_2", "TS_1"]);
    expect(names("axis", false)).toEqual(["TS_2", "TS_10", "TS_1"]);
    expect(names("axis", true)).toEqual(["TS_10", "TS_2", "TS_1"]);
  });
});

it("a median leaves out what is not known", () => {
  expect(median([3, null, 1])).toBe(2);
  expect(median([5, 1, 2])).toBe(2);
  expect(median([null])).toBeNull();
});

it("tilts are listed as the directive file has them", () => {
  expect(skipText([3, 0, 2, 4, 4])).toBe("1,3-5");
  expect(skipText([])).toBe("");
});

it("a series is reconstructed again where it lies, of its own stack, without some tilts", () => {
  const tool = {
    id: "tomography.reconstruct_again",
    name: "Reconstruct again",
    args: [
      { id: "series", kind: "FILE", value: "*.st *.mrc" },
      { id: "thickness", kind: "NUMERIC", value: "" },
      { id: "directives", kind: "STRING", value: "" },
      { id: "method", kind: "OPTION", value: "directives" },
      { id: "skip", kind: "STRING", value: "" },
      { id: "output", kind: "PATHOUT", value: "tomography" },
    ],
  } as unknown as Tool;
  const row = made("results/TS_1/report.json");
  const body = againBatch("lab", tool, row, "TS_1.st", [2, 3], "a=b\n");
  expect(body).toMatchObject({ project: "lab", targets: ["S-1#V1"], dry_run: false });
  const values = body.jobs[0]!.args.map((one) => [one.id, one.value]);
  expect(Object.fromEntries(values)).toEqual({
    series: '"TS_1.st"',
    thickness: null,
    directives: "a=b\n",
    method: "directives",
    skip: "3-4",
    output: "results",
  });
});
