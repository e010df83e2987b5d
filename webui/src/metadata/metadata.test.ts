import { describe, expect, it } from "vitest";
import {
  asSql,
  bodyOf,
  nextSort,
  pack,
  packFilters,
  parts,
  questionOf,
  unpack,
  unpackFilters,
} from "./ask";
import { barsOf, colours, csvOf, line, place, scaleOf, short, ticks } from "./plot";

describe("the question in the address", () => {
  it("keeps names with any characters", () => {
    const names = ["a.b", "x ~ y", "q~", "ü 1"];
    expect(unpack(pack(names))).toEqual(names);
    expect(unpack("")).toEqual([]);
  });
  it("keeps filters and leaves out what is none", () => {
    const filters = [{ key: "a", op: ">=" as const, value: "3" }];
    expect(unpackFilters(packFilters(filters))).toEqual(filters);
    expect(packFilters([])).toBeNull();
    expect(unpackFilters('[["a","drop","x"],3,["b","exists"]]')).toEqual([
      { key: "b", op: "exists", value: "" },
    ]);
    expect(unpackFilters("{")).toEqual([]);
  });
  it("does not send a filter that is still being typed", () => {
    const question = questionOf(
      new URLSearchParams({ where: '[["a",">",""],["b","missing",""]]' }),
    );
    expect(bodyOf(question).filters.map((one) => one.key)).toEqual(["b"]);
  });
  it("sorts up, down and not at all", () => {
    expect(nextSort("subject", "v")).toBe("v");
    expect(nextSort("v", "v")).toBe("-v");
    expect(nextSort("-v", "v")).toBe("subject");
  });
  it("parts a name into file and keys", () => {
    expect(parts("radio_t1.mask.volume")).toEqual(["radio_t1", "mask.volume"]);
  });
  it("writes a statement with quotes in their place", () => {
    expect(asSql(["it's"])).toContain(`FILTER (key = 'it''s') AS "it's"`);
  });
});

describe("plots", () => {
  it("has round ticks", () => {
    expect(ticks(0, 100)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticks(0.1, 0.32)).toEqual([0.1, 0.15, 0.2, 0.25, 0.3]);
    expect(ticks(3, 3)).toEqual([3]);
  });
  it("leaves room around the values", () => {
    const scale = scaleOf([0, 10]);
    expect(scale.low).toBeLessThan(0);
    expect(place(scale, 5, 100)).toBeCloseTo(50);
    expect(scaleOf([]).ticks).toEqual([0, 1]);
  });
  it("writes numbers short", () => {
    expect([
      short(12.345678),
      short(0),
      short(-0.5),
      short(123456),
      short(1.2e9),
      short(null),
    ]).toEqual(["12.35", "0", "−0.5", "123456", "1.2e9", "–"]);
  });
  it("bins numbers, counts texts", () => {
    expect(barsOf([0, 1, 2, 3, null], 3).counts).toEqual([1, 1, 2]);
    expect(barsOf(["F", "M", "F"])).toEqual({ labels: ["F", "M"], counts: [2, 1], edges: [] });
    expect(barsOf([5, 5]).counts).toEqual([2]);
  });
  it("finds the line through points", () => {
    const found = line([
      [0, 1],
      [1, 3],
      [2, 5],
    ]);
    expect([found.r, found.slope, found.intercept]).toEqual([1, 2, 1]);
    expect(
      line([
        [1, 1],
        [1, 2],
      ]).slope,
    ).toBeNull();
  });
  it("gives the largest group the first colour", () => {
    expect([...colours(["a", "b", "b", null]).keys()][0]).toBe("b");
  });
  it("writes CSV that no spreadsheet runs", () => {
    expect(
      csvOf(
        ["a", "b"],
        [
          ["=1+1", 'x"y'],
          [null, -2],
        ],
      ),
    ).toBe(`a,b\r\n'=1+1,"x""y"\r\n,-2\r\n`);
  });
});
