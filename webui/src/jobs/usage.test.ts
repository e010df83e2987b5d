import { expect, it } from "vitest";
import { usesOf } from "./usage";

it("GRID-x01 tells what was used beside what was asked for", () => {
  const job = { cpus: 2, memory_mb: 1000, spec: { resources: { walltime_s: 100 } } };
  const uses = usesOf(job, { wall_s: 50, cpu_s: 75, maxrss_kb: 1_000_000 });
  expect(uses.map((use) => [use.id, Math.round(100 * use.share)])).toEqual([
    ["cpu", 75],
    ["memory", 102],
    ["time", 50],
  ]);
  expect(uses[0]!.text).toBe("1.5 of 2 CPU");
});

it("shows nothing of what was not measured", () => {
  const job = { cpus: 1, memory_mb: 0, spec: {} };
  expect(usesOf(job, { wall_s: null, cpu_s: null, maxrss_kb: null })).toEqual([]);
});
