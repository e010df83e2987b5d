import { describe, expect, it } from "vitest";
import {
  autoLimits,
  dragWindow,
  formatValue,
  histogram,
  histogramRange,
  PRESETS,
  quantiles,
  windowed,
  windowsWith,
} from "./windowing";

const ramp = Float32Array.from({ length: 10001 }, (_, i) => i / 10);

describe("automatic limits", () => {
  it("finds quantiles of a ramp", () => {
    const [low, high] = quantiles(ramp, [0.03, 0.97]);
    expect(low).toBeCloseTo(30, -0.5);
    expect(high).toBeCloseTo(970, -0.5);
  });

  it("follows the rule: 3-97 %, +2 % +10 %, then +5 % -10 %", () => {
    const [low, high] = quantiles(ramp, [0.03, 0.97]) as [number, number];
    const width = high - low;
    const range = histogramRange(ramp);
    expect(range.low).toBeCloseTo(low + 0.02 * width, 6);
    expect(range.high).toBeCloseTo(high + 0.1 * width, 6);
    const span = range.high - range.low;
    const limits = autoLimits(range);
    expect(limits.low).toBeCloseTo(range.low + 0.05 * span, 6);
    expect(limits.high).toBeCloseTo(range.high - 0.1 * span, 6);
    expect(autoLimits(range, true)).toEqual({ low: 0, high: limits.high });
  });

  it("takes the usual soft-tissue range for CT", () => {
    const range = histogramRange(ramp, -1024);
    expect(range.low).toBeCloseTo(-24 + 4, 6);
    expect(range.high).toBeCloseTo(176 + 20, 6);
  });

  it("gives a mask and an empty image usable limits", () => {
    expect(histogramRange(Float32Array.of(1, 1, 1))).toEqual({ low: 0, high: 1 });
    expect(histogramRange(new Float32Array(0))).toEqual({ low: 0, high: 1 });
  });
});

describe("window", () => {
  it("VIEW-20, VIEW-x04: has NORA's presets under their keys", () => {
    const table = Object.fromEntries(PRESETS.map((p) => [p.key, p.limits]));
    expect(table["2"]).toEqual({ low: 0, high: 100 });
    expect(table["3"]).toEqual({ low: -500, high: 1500 });
    expect(table["4"]).toEqual({ low: -125, high: 225 });
    expect(table["5"]).toEqual({ low: 0, high: 200 });
    expect(table["6"]).toEqual({ low: -1220, high: 220 });
    expect([table["0"], table["1"]]).toEqual([null, null]);
  });

  it("VIEW-x08: own windows are on the keys 7 and 8", () => {
    const own = windowsWith([
      { name: "stroke", center: 40, width: 40 },
      { name: "vessels", center: 300, width: 600 },
    ]);
    expect(own.slice(-2)).toEqual([
      { key: "7", name: "stroke", limits: { low: 20, high: 60 } },
      { key: "8", name: "vessels", limits: { low: 0, high: 600 } },
    ]);
    expect(own.map(({ key }) => key).join("")).toBe("012345678");
  });

  it("dragging right widens, dragging up brightens", () => {
    const start = { low: 0, high: 100 };
    const range = { low: 0, high: 1000 };
    const wide = dragWindow(start, range, 40, 0);
    expect(wide.high - wide.low).toBeGreaterThan(100);
    expect(wide.high + wide.low).toBeCloseTo(100, 6);
    // Up is a negative dy: the middle goes down, so the picture gets brighter.
    const up = dragWindow(start, range, 0, -40);
    expect(up.high + up.low).toBeLessThan(100);
    expect(dragWindow(start, range, -10000, 0).high).toBeGreaterThan(
      dragWindow(start, range, -10000, 0).low,
    );
  });

  it("maps values between the limits, with gamma", () => {
    expect(windowed(50, { low: 0, high: 100 })).toBe(0.5);
    expect(windowed(25, { low: 0, high: 100 }, 2)).toBe(0.5);
    expect(windowed(-5, { low: 0, high: 100 })).toBe(0);
    expect(windowed(7, { low: 7, high: 7 })).toBe(1);
  });

  it("counts every sample of the range once", () => {
    const counts = histogram(ramp, { low: 0, high: 1000 }, 30);
    expect(counts.reduce((a, b) => a + b)).toBe(ramp.length);
  });

  it("writes numbers as a person would", () => {
    expect([198, -18, 0.12345, 95.6506, 1234567.8].map(formatValue)).toEqual([
      "198",
      "\u221218",
      "0.1235",
      "95.65",
      "1234570",
    ]);
  });
});
