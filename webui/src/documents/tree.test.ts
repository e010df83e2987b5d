import { describe, expect, it } from "vitest";
import { allOpen, linesOf, search, STEP } from "./tree";

const DOC = { name: "x", roi: { "a/b": { volume: 3 }, list: [1, 2] }, none: null };

describe("the tree of a JSON file", () => {
  it("lists only what is unfolded", () => {
    expect(linesOf(DOC, new Set([""])).map((one) => one.key)).toEqual(["", "name", "roi", "none"]);
    expect(linesOf(DOC, allOpen(DOC))).toHaveLength(9);
    expect(linesOf(DOC, new Set())).toMatchObject([{ size: 3, open: false }]);
  });

  it("lists long branches in steps", () => {
    const long = Array.from({ length: 1000 }, (_, i) => i);
    expect(linesOf(long, new Set([""]))[0]).toMatchObject({ size: 1000, rest: 1000 - STEP });
    expect(linesOf(long, new Set([""]), new Map([["", 1000]]))).toHaveLength(1001);
  });

  it("unfolds the way to a word in a key or a value", () => {
    expect(search(DOC, "VOLUME")).toEqual({ n: 1, open: new Set(["", "/roi", "/roi/a~1b"]) });
    expect(search(DOC, "2").n).toBe(1);
    expect(search(DOC, " ").n).toBe(0);
  });
});
