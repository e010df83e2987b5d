import { expect, it } from "vitest";
import { tagCounts } from "./tags";

it("PROJ-19 counts each tag once per row", () => {
  expect([...tagCounts([["a", "b"], ["a", "a"], []])]).toEqual([
    ["a", 2],
    ["b", 1],
  ]);
});
