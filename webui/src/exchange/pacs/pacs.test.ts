import { describe, expect, it } from "vitest";
import {
  clock,
  countsOf,
  csvOf,
  fits,
  kindsOf,
  linesOf,
  nextTime,
  openOn,
  sharedIds,
  sorted,
  studyValue,
  tally,
  wishedOf,
  type Pull,
  type Series,
  type Study,
} from "./pacs";

const study = (study_uid: string, more: Partial<Study> = {}): Study => ({
  study_uid,
  patient_id: "P1",
  patient_name: "DOE^JANE",
  birth_date: "19700102",
  sex: "F",
  date: "20240502",
  time: "142501",
  description: "Brain",
  accession: "",
  modalities: ["MR"],
  age_years: 54,
  n_series: 2,
  n_images: 8,
  ...more,
});
const series = (study_uid: string, n: number, more: Partial<Series> = {}): Series => ({
  study_uid,
  series_uid: `${study_uid}.${n}`,
  number: n,
  description: "t1 mprage",
  protocol: "t1",
  modality: "MR",
  n_images: 4,
  in_studies: 0,
  in_patients: 0,
  n_here: 0,
  ...more,
});

const ALL = [
  series("1", 1),
  series("1", 2, { description: "t2" }),
  series("2", 5),
  series("2", 6, { modality: "SR", n_images: null }),
];

describe("series", () => {
  it("are put together by kind with the number of studies (PACS-06)", () => {
    const kinds = kindsOf(ALL, true);
    expect(kinds.map((one) => [one.description, one.modality, one.inStudies])).toEqual([
      ["t1 mprage", "MR", 2],
      ["t2", "MR", 1],
      ["t1 mprage", "SR", 1],
    ]);
    expect(kinds.map((one) => [one.numbers, one.nImages])).toEqual([
      ["1–5", 8],
      ["2", 4],
      ["6", 0],
    ]);
  });
  it("are told apart when they are not aggregated, and still know their kind (PACS-x03)", () => {
    const rows = kindsOf(ALL, false);
    expect(rows.map((one) => [one.numbers, one.inStudies])).toEqual([
      ["1", 2],
      ["5", 2],
      ["2", 1],
      ["6", 1],
    ]);
  });
  it("that are checked are counted for each study (PACS-08)", () => {
    expect(countsOf(ALL, new Set(["1.1", "1.2", "2.5"]))).toEqual(
      new Map([
        ["1", 2],
        ["2", 1],
      ]),
    );
  });
});

describe("a pull", () => {
  const studies = [study("1"), study("2")];
  it("asks for checked series of checked studies alone (PACS-08, PACS-09)", () => {
    const wished = wishedOf(studies, ALL, new Set(["1"]), new Set(["1.1", "2.5"]), false);
    expect(wished).toEqual([
      { study_uid: "1", series_uid: "1.1", modality: "MR", number: 1, n_images: 4 },
    ]);
  });
  it("asks for whole studies when series were not asked for", () => {
    expect(wishedOf(studies, [], new Set(["2"]), new Set(), true)).toEqual([
      { study_uid: "2", n_images: 8 },
    ]);
  });
  it("is told in numbers", () => {
    const pulls = ["done", "queued", "running", "failed", "partial", "cancelled"].map(
      (state) => ({ state }) as Pull,
    );
    expect(tally(pulls)).toEqual({ all: 5, done: 2, open: 2, bad: 2 });
  });
  it("begins at the next such time", () => {
    const now = new Date(2024, 0, 31, 21, 30);
    expect(nextTime("22:00", now)).toEqual(new Date(2024, 0, 31, 22, 0));
    expect(nextTime("6:05", now)).toEqual(new Date(2024, 1, 1, 6, 5));
    expect(nextTime("", now)).toBeNull();
  });
});

it("two persons with one PatientID are told apart", () => {
  const all = [study("1"), study("2", { patient_name: "ROE^RITA" }), study("3")];
  expect(sharedIds(all)).toEqual(new Map([["P1", 2]]));
  expect(sharedIds([study("1"), study("3")])).toEqual(new Map());
});

it("tables are sorted by what is in their columns, numbers as numbers", () => {
  const all = [study("1", { patient_id: "P10" }), study("2", { patient_id: "P9" })];
  const ids = (sort: string): string[] =>
    sorted(all, sort, studyValue).map((one) => one.patient_id);
  expect(ids("patient_id")).toEqual(["P9", "P10"]);
  expect(ids("-patient_id")).toEqual(["P10", "P9"]);
  expect(ids("")).toEqual(["P10", "P9"]);
});

it("the page opens on the archive used last, else on one that did not fail last (PACS-12)", () => {
  const heard = (name: string, ok?: boolean) => ({
    name,
    last: ok === undefined ? null : { ok, text: "", hint: "" },
  });
  const nodes = [heard("a", false), heard("b"), heard("c", true)];
  expect([openOn(nodes, "c"), openOn(nodes, "a"), openOn(nodes, "gone")]).toEqual(["c", "a", "b"]);
  expect([openOn(nodes), openOn([heard("a", false)]), openOn([])]).toEqual(["b", "a", ""]);
});

it("a filter wants all its words", () => {
  expect(fits("doe 2024", "P1", "DOE^JANE", "20240502")).toBe(true);
  expect(fits("doe 2023", "P1", "DOE^JANE", "20240502")).toBe(false);
});

it("CSV holds a row for each series and no formula (PACS-x02)", () => {
  const names = study("1", { patient_name: "=1+1", description: 'a "b", c' });
  const [head, first, second] = csvOf([names], ALL.slice(0, 2)).split("\r\n");
  expect(head!.split(",")).toHaveLength(15);
  expect(first).toBe(
    'P1,\'=1+1,19700102,F,20240502,142501,"a ""b"", c",MR,1,t1 mprage,t1,MR,1,4,0',
  );
  expect(second).toContain(",2,t2,");
});

it("times and lists are read as they are written", () => {
  expect(["142501", "1425", "", "x"].map(clock)).toEqual(["14:25:01", "14:25", "", "x"]);
  expect(linesOf("4711;20240131\r\n\n 4712\n")).toEqual(["4711;20240131", " 4712"]);
});
