import { describe, expect, it } from "vitest";
import { flatCount, flatOfTop, placeAt, sortBlocks, visible } from "./layout";

const blocks = sortBlocks([
  { index: 5, rows: ["x"] },
  { index: 1, rows: ["a", "b", "c"] },
  { index: -1, rows: ["gone"] },
  { index: 2, rows: [] },
]);

/** The plain way: write all rows down. */
function written(top: number): (number | string)[] {
  return Array.from({ length: top }, (_, i) => i).flatMap((i) => [
    i,
    ...blocks.filter((block) => block.index === i).flatMap((block) => block.rows),
  ]);
}

describe("flat rows", () => {
  it("are what one gets by writing them all down", () => {
    const all = written(8);
    expect(flatCount(8, blocks)).toBe(all.length);
    const found = all.map((_, at) => {
      const place = placeAt(at, blocks);
      return place.child ?? place.index;
    });
    expect(found).toEqual(all);
  });
  it("know where a top row went", () => {
    const all = written(8);
    for (let i = 0; i < 8; i++) expect(all[flatOfTop(i, blocks)]).toBe(i);
  });
});

describe("the window", () => {
  it("holds the rows in sight and a margin, within the list", () => {
    expect(visible(0, 300, 30, 100_000, 8)).toEqual({ first: 0, last: 18 });
    expect(visible(3000, 300, 30, 100_000, 8)).toEqual({ first: 90, last: 120 });
    expect(visible(2_999_700, 300, 30, 100_000, 8)).toEqual({ first: 99_978, last: 100_000 });
  });
  it("is empty for an empty list", () => {
    expect(visible(500, 300, 30, 0)).toEqual({ first: 0, last: 0 });
  });
});
