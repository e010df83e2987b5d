// Figures of tables against those of numpy and scipy (E-01).
import { describe, expect, it } from "vitest";
import { correlate, groupsOf, ranks } from "./stats";

const X = [1, 2, 3, 4, 5, 6, 7, 8];
const Y = [2.1, 1.9, 3.6, 4.4, 4.1, 6.5, 6.2, 30];
const PEARSON = [0.7059912186828596, 0.05034983353237706] as const;
const SPEARMAN = [0.9285714285714287, 0.0008629681828999767] as const;

describe("figures of tables", () => {
  it("E-01 correlation and its p-value", () => {
    // scipy.stats.pearsonr(X, Y), spearmanr(X, Y)
    const pearson = correlate(X, Y);
    expect(pearson.r).toBeCloseTo(PEARSON[0], 9);
    expect(pearson.p).toBeCloseTo(PEARSON[1], 9);
    const spearman = correlate(X, Y, true);
    expect(spearman.r).toBeCloseTo(SPEARMAN[0], 9);
    expect(spearman.p).toBeCloseTo(SPEARMAN[1], 9);
    expect(correlate(X, [...X].reverse())).toEqual({ r: -1, p: 0, n: 8 });
  });

  it("rows that lack one of the two are left out", () => {
    const holes = [null, ...Y.slice(1, 7), "n/a"];
    expect(correlate(X, holes)).toEqual(correlate(X.slice(1, 7), Y.slice(1, 7)));
    expect(
      correlate(
        X,
        X.map(() => 4),
      ),
    ).toEqual({ r: null, p: null, n: 8 });
    expect(correlate([1, 2], [3, 4])).toEqual({ r: null, p: null, n: 2 });
  });

  it("equal values share their place", () => {
    expect(ranks([10, 20, 10, 5])).toEqual([2.5, 4, 2.5, 1]);
  });

  it("E-01 groups have mean, spread and quantiles", () => {
    const [a, b, c] = groupsOf([
      ["g10", 1],
      ["g2", 4],
      ["g10", 2],
      ["g10", 6],
      ["g2", null],
      ["one", 7],
    ]);
    expect(a).toMatchObject({ name: "g2", values: [4], mean: 4, sd: null, median: 4 });
    expect(b).toMatchObject({ name: "g10", mean: 3, median: 2, values: [1, 2, 6] });
    expect(b!.sd).toBeCloseTo(Math.sqrt(7), 12);
    expect([b!.q05, b!.q95]).toEqual([1.1, 5.6]);
    expect(c!.name).toBe("one");
  });
});
