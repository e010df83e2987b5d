import { expect, it } from "vitest";
import { changesOf } from "./editing";
import { draft } from "./spec";

const job = draft({
  name: "a",
  language: "bash",
  code: "echo $f1 $n1",
  args: [
    { id: "f1", kind: "FILE", value: "t1*/s0*.nii" },
    { id: "n1", kind: "NUMERIC", value: 2 },
  ],
});

it("BATCH-03 only what was changed goes out", () => {
  expect(changesOf(job, structuredClone(job))).toEqual({});
  const now = structuredClone(job);
  now.code = "echo $f1";
  now.args[1]!.value = "3";
  now.resources.memory_mb = 4000;
  expect(changesOf(job, now)).toEqual({
    code: "echo $f1",
    args: [{ id: "n1", kind: "NUMERIC", value: 3 }],
    resources: { ...job.resources, memory_mb: 4000 },
  });
});

it("a number that is typed as it was is no change", () => {
  const now = structuredClone(job);
  now.args[1]!.value = "2";
  expect(changesOf(job, now)).toEqual({});
});
