import { expect, test } from "vitest";
import { batchesOf, choiceOf, freeName, savedOf, taken } from "./autorules";

test("PROJ-x08 a choice names a saved batch, one's own or of all", () => {
  for (const one of [
    { name: "own:x", private: false },
    { name: "mask", private: true },
  ])
    expect(savedOf(choiceOf(one))).toEqual(one);
});

test("PROJ-x08 a new rule gets a name of its own", () => {
  expect(freeName("mask", [])).toBe("mask");
  expect(freeName("mask", ["Mask", "mask 2"])).toBe("mask 3");
  expect(freeName("", [])).toBe("rule");
});

test("PROJ-x08 only what a rule takes is run, and batches are counted once", () => {
  const row = (psid: string, action: "run" | "skip", batch_key: string | null = null) => ({
    psid,
    action,
    why: "",
    rule: "",
    batch_key,
  });
  const rows = [row("a#1", "run", "k"), row("b#1", "skip"), row("c#1", "run", "k")];
  expect(taken({ rows, total: 3, counts: {} })).toEqual(["a#1", "c#1"]);
  expect(batchesOf(rows)).toEqual(["k"]);
});
