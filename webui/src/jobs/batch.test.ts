import { beforeEach, expect, it } from "vitest";
import {
  addCode,
  addTool,
  batch,
  body,
  clearBatch,
  copyJob,
  decide,
  loadSaved,
  moveJob,
  moveJobTo,
  setCode,
  howOf,
  type How,
} from "./batch.svelte";
import { VARARGIN } from "./references";
import { addMenu, groupOf, menuPath } from "./toolmenu";
import { fitting } from "../core/menu.svelte";
import type { Language, Tool } from "../core/types-jobs";

const tool: Tool = {
  id: "smooth",
  menu: "Processing/Image/Smooth",
  name: "Smooth",
  description: "",
  missing: "",
  queue: "",
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
  expect(sent.jobs[0]!.resources).toEqual({
    cpus: 1,
    memory_mb: 512,
    gpus: 0,
    disk_mb: 0,
    walltime_s: null,
  });
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
  batch.dry = { rows: [], total: 0, counts: {} };
  copyJob(batch.jobs[0]!);
  expect(batch.dry).toBeNull();
  expect(batch.jobs).toHaveLength(2);
  expect(batch.jobs[0]!.id).not.toBe(batch.jobs[1]!.id);
});

it("BATCH-10 a saved batch comes back as it was", () => {
  addCode("python");
  setCode(batch.jobs[0]!, "open($f1)");
  Object.assign(batch, { how: "rows", rows: 3, skipDone: true, immediate: true, priority: 2 });
  Object.assign(batch.jobs[0]!, {
    onError: "ignore",
    studyTags: "done, checked",
    env: "A=1\nB=x=y",
    retries: 2,
    outputFolder: "out",
  });
  decide({ psid: null, job: 0, arg: "f1", kind: "many" }, "first");
  const sent = body([], false);
  expect(sent).toMatchObject({ mode: "serial", group: "batch", n_groups: 3, skip_done: true });
  expect(sent.jobs[0]).toMatchObject({
    on_error: "ignore",
    study_tags: ["done", "checked"],
    env: { A: "1", B: "x=y" },
    retry: { times: 2, after: ["lost", "memory"] },
  });
  clearBatch();
  const saved = { name: "mine", doc: sent, updated_at: "", owner: "me", may_change: true };
  loadSaved({ ...saved, private: true });
  expect(batch.isPrivate).toBe(true);
  expect(body([], false)).toEqual({ ...sent, name: "mine" });
});

it("BATCH-x01 every way to run has its place in the API", () => {
  addCode("bash");
  const asked = (how: How): [string, string] => {
    batch.how = how;
    const { mode, group } = body([], false);
    expect(howOf({ mode, group })).toBe(how);
    return [mode, group];
  };
  expect(asked("split")).toEqual(["serial", "none"]);
  expect(asked("free")).toEqual(["parallel", "none"]);
  expect(asked("subject")).toEqual(["serial", "subject"]);
  expect(asked("rows")).toEqual(["serial", "batch"]);
});

it("BATCH-x02 one job of a batch is tried by itself; a job is put before another", () => {
  ["bash", "python", "matlab"].forEach((one) => addCode(one as Language));
  const [first, , third] = batch.jobs;
  expect(body([], true, third!.id).jobs.map((job) => job.enabled)).toEqual([false, false, true]);
  moveJobTo(third!.id, 0);
  expect(batch.jobs.map((job) => job.language)).toEqual(["matlab", "bash", "python"]);
  moveJobTo(first!.id, 3);
  expect(batch.jobs.map((job) => job.language)).toEqual(["matlab", "python", "bash"]);
});

it("BATCH-x05 further words for a script are no row of its code", () => {
  addCode("bash");
  const job = batch.jobs[0]!;
  job.args = [{ id: VARARGIN, kind: "STRING", value: "-v" }];
  setCode(job, "echo $f1");
  expect(job.args.map((arg) => arg.id)).toEqual(["f1", VARARGIN]);
  expect(body([], true).jobs[0]!.args.map((arg) => arg.value)).toEqual(["", "-v"]);
});

it("decisions name jobs by their place, so that another order forgets them", () => {
  addCode("bash");
  addCode("bash");
  decide({ psid: null, job: 1, arg: "o1", kind: "exists" }, "skip");
  decide({ psid: null, job: 1, arg: "o1", kind: "exists" }, "overwrite");
  expect(batch.choices).toEqual([
    { psid: null, job: 1, arg: "o1", kind: "exists", do: "overwrite" },
  ]);
  moveJob(batch.jobs[0]!, 1);
  expect(batch.choices).toEqual([]);
});

it("BATCH-24 menu paths are read in all their spellings", () => {
  expect(menuPath("Analysis → ML → Patchwork 3D")).toEqual(["Analysis", "ML", "Patchwork 3D"]);
  expect(groupOf(tool)).toBe("Processing › Image");
});

it("BATCH-09 what is not installed comes last in the menu, and words find tools by name or group", () => {
  const absent = {
    ...tool,
    id: "bet",
    menu: "FSL/BET",
    name: "BET",
    missing: "bet is not installed",
  };
  const items = addMenu(
    [absent, tool],
    () => undefined,
    () => undefined,
  );
  const labels = items.map((item) => item.label);
  expect(labels.slice(-4)).toEqual(["Processing › Image", "Smooth", "FSL", "BET"]);
  expect(items.at(-1)).toMatchObject({ disabled: true, title: "bet is not installed" });
  const found = (text: string) => fitting(items, text).map((item) => item.label);
  expect(found("image smo")).toEqual(["Processing › Image", "Smooth"]);
  expect(found("fsl")).toEqual(["FSL", "BET"]);
  expect(found("")).toEqual(labels);
  expect(found("nothing")).toEqual([]);
});
