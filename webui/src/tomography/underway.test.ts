import { expect, it } from "vitest";
import type { Letter } from "../core/types";
import type { JobRow } from "../core/types-jobs";
import type { SeriesRow } from "./series";
import { underway } from "./underway";

const job = (key: string, letter: Letter, minute: number, psid = "S#V"): JobRow =>
  ({
    key,
    letter,
    psid,
    project: "demo",
    function: "tomography.tomogram",
    created_at: `2026-11-22T06:${minute}:00.000Z`,
  }) as JobRow;
const result = (minute: number, psid = "S#V"): SeriesRow =>
  ({ file: { psid, mtime: `2026-11-22T06:${minute}:30.000Z` } }) as SeriesRow;
const keys = (jobs: JobRow[], rows: SeriesRow[] = []): string[] =>
  underway(jobs, rows, "demo").map((one) => one.key);

it("tells of what waits, runs and has failed, the newest first", () => {
  const jobs = [job("a", "e", 10), job("b", "r", 12, "S#W"), job("c", "q", 14, "S#X")];
  expect(keys(jobs)).toEqual(["c", "b", "a"]);
});

it("forgets a failure once its study is tried again, or has a newer result", () => {
  expect(keys([job("a", "e", 10), job("b", "r", 20)])).toEqual(["b"]);
  expect(keys([job("a", "e", 10), job("b", "e", 20)])).toEqual(["b"]);
  expect(keys([job("a", "e", 10)], [result(11)])).toEqual([]);
  expect(keys([job("a", "e", 12)], [result(11)])).toEqual(["a"]);
  expect(keys([job("a", "e", 10)], [result(11, "T#V")])).toEqual(["a"]);
});

it("tells of a job that runs, though there is a result", () => {
  expect(keys([job("a", "r", 10)], [result(11)])).toEqual(["a"]);
});

it("leaves out what another project does", () => {
  expect(underway([job("a", "q", 10)], [], "other")).toEqual([]);
});
