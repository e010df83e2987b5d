import { expect, it } from "vitest";
import { withoutEntry } from "./editing";
import { entryOf } from "./preset";

it("AUTO-x03: a ROI keeps the image it is made on when another entry goes", () => {
  const entries = [
    entryOf("a.nii"),
    entryOf("b.nii"),
    entryOf("r.nii", { roi: true, autocreateroi: 1 }),
  ];
  expect(withoutEntry(entries, 0).at(-1)?.intent.autocreateroi).toBe(0);
  expect(withoutEntry(entries, 1).at(-1)?.intent.autocreateroi).toBeNull();
  expect(withoutEntry(entries, 2)).toHaveLength(2);
});
