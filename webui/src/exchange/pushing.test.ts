// What the dialog "Send to PACS" tells before anything goes.
import { expect, test } from "vitest";
import { objectsOf, thereText, type PushFate } from "./pushing";

const fate = (more: Partial<PushFate>): PushFate => ({
  psid: "S-0001#1",
  kind: "originals",
  what: "t1_3 (MR)",
  n_objects: 3,
  n_there: 0,
  known_there: true,
  problem: "",
  hint: "",
  patient: null,
  ...more,
});

test("what has a problem is not counted, because it does not go", () => {
  expect(objectsOf([fate({}), fate({ problem: "somebody else" }), fate({ n_objects: 1 })])).toBe(4);
  expect(objectsOf([])).toBe(0);
});

test.each([
  [fate({}), true, "has the study"],
  [fate({ known_there: false }), true, "gets a new study"],
  [fate({ known_there: false }), false, "is not asked"],
  [fate({ n_there: 2, n_objects: 1 }), true, "has 2 of it"],
  [fate({ n_there: 3, n_objects: 0 }), true, "has all of it"],
])("the archive's side is told in words", (one, checks, words) => {
  expect(thereText(one, checks)).toBe(words);
});
