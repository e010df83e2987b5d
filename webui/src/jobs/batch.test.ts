import { beforeEach, expect, it } from "vitest";
import {
  addCode,
  addTool,
  batch,
  body,
  clearBatch,
  copyJob,
  loadSaved,
  moveJob,
  setCode,
} from "./batch.svelte";
import { groupOf, menuPath } from "./toolmenu";
import type { Tool } from "../core/types-jobs";

const tool: Tool = {
  id: "smooth",
  menu: "Processing/Image/Smooth",
  command: ["true"],
  version: "1",
  name: "Smooth",
  description: "",
  level: "study",
  args: [{ id: "fwhm", kind: "NUMERIC", value: 2 }],
  resources: { memory_mb: 512 },
};

beforeEach(clearBatch);

it("BATCH-04 jobs go out in the order they are shown, with the fields the service knows", () => {
  addCode("bash");
  addTool(tool);
  setCode(batch.jobs[0]!, "echo $n1");
  batch.jobs[0]!.args[0]!.value = "3.5";
  moveJob(batch.jobs[1]!, -1);
  const sent = body(["S-0001#1"], true);
  expect(sent.jobs.map((job) => job.name)).toEqual(["Smooth", "bash 1"]);
  expect(sent.jobs[1]!.args[0]!.value).toBe(3.5);
  expect(sent.jobs[0]!.tool).toBe("smooth");
  expect(sent.jobs[0]!.resources).toEqual({ cpus: 1, memory_mb: 512, gpus: 0, walltime_s: null });
  expect(sent.targets).toEqual(["S-0001#1"]);
  expect(sent.name).toBe("Smooth");
  expect(JSON.stringify(sent)).not.toContain("folded");
});

it("an empty number is no number, not zero", () => {
  addCode("bash");
  setCode(batch.jobs[0]!, "echo $n1");
  expect(body([], true).jobs[0]!.args[0]!.value).toBeNull();
});

it("changing anything makes the dry run stale", () => {
  addCode("bash");
  batch.dry = [];
  copyJob(batch.jobs[0]!);
  expect(batch.dry).toBeNull();
  expect(batch.jobs).toHaveLength(2);
  expect(batch.jobs[0]!.id).not.toBe(batch.jobs[1]!.id);
});

it("BATCH-10 a saved batch comes back as it was", () => {
  addCode("python");
  setCode(batch.jobs[0]!, "open($f1)");
  batch.mode = "parallel";
  const sent = body([], false);
  clearBatch();
  loadSaved({ name: "mine", doc: sent, updated_at: "" });
  expect(body([], false)).toEqual({ ...sent, name: "mine" });
});

it("BATCH-24 menu paths are read in all their spellings", () => {
  expect(menuPath("Analysis → ML → Patchwork 3D")).toEqual(["Analysis", "ML", "Patchwork 3D"]);
  expect(groupOf(tool)).toBe("Processing › Image");
});
