import { expect, it } from "vitest";
import type { DryRow, Finding } from "../core/types-jobs";
import { argsOf, byNeed, casesOf, decided, decisionFor, jobsOf, tailOf } from "./dry";

const found = (arg: string, kind: Finding["kind"], problem = false): Finding => ({
  arg,
  kind,
  text: "",
  problem,
  n: 2,
  paths: [],
  choices: ["first", "leave_out"],
  chosen: null,
});
const row = (psid: string, position: number, findings: Finding[] = []): DryRow => ({
  psid,
  position,
  job: `job ${position}`,
  args: position === 0 ? { f1: ["/a/b/c.nii"] } : { f1: [], o1: [] },
  problem: null,
  action: findings.some((one) => one.problem) ? "problem" : "run",
  reason: "",
  findings,
});
const rows = [
  row("A#1", 0, [found("f1", "many", true)]),
  row("B#1", 0, [found("f1", "many")]),
  row("A#1", 1, [found("o1", "exists")]),
  row("B#1", 1),
];

it("counts the cases that studies have in common, problems first", () => {
  const cases = casesOf(rows, []);
  expect(cases.map((one) => [one.job, one.arg, one.kind, one.n, one.problem])).toEqual([
    [0, "f1", "many", 2, true],
    [1, "o1", "exists", 1, false],
  ]);
});

it("what is decided for one study counts before what is decided for all", () => {
  const all = { psid: null, job: 0, arg: "f1", kind: "many" as const };
  const one = { ...all, psid: "A#1" };
  const choices = [decided(all, "first")];
  expect(decisionFor(choices, one)).toBe("first");
  expect(decisionFor([...choices, decided(one, "leave_out")], one)).toBe("leave_out");
  expect(casesOf(rows, choices)[0]!.chosen).toBe("first");
  expect(decisionFor(choices, { ...one, kind: "exists" })).toBeNull();
});

it("BATCH-22 a row without a value is told although there is nothing to decide", () => {
  const none = row("A#1", 0, [{ ...found("f1", "no_value", true), choices: [] }]);
  expect(casesOf([none, none], [])).toMatchObject([{ kind: "no_value", n: 2, choices: [] }]);
});

it("knows the jobs with their problems, their arguments, and the ends of paths", () => {
  expect(jobsOf(rows)).toEqual([
    { position: 0, name: "job 0", bad: 1 },
    { position: 1, name: "job 1", bad: 0 },
  ]);
  expect(argsOf(rows.slice(2), [])).toEqual(["f1", "o1"]);
  const none = { ...row("A#1", 1, [found("f1", "no_value", true)]), args: { o1: ["x"] } };
  expect(argsOf([none], ["f1", "o1"])).toEqual(["f1", "o1"]);
  expect(tailOf("/data/projects/p/t1/s001.nii")).toBe("t1/s001.nii");
});

it("puts rows that need somebody first, and keeps their order else", () => {
  const came = [rows[3]!, rows[1]!, rows[2]!, rows[0]!];
  expect(byNeed(came).map((one) => [one.psid, one.position])).toEqual([
    ["A#1", 0],
    ["B#1", 0],
    ["A#1", 1],
    ["B#1", 1],
  ]);
});
