import { describe, expect, it } from "vitest";
import { curve, deviations, figures, figureText, type SessionSeries } from "./scanner";

const series = (more: Partial<SessionSeries>): SessionSeries => ({
  folder: "t1_1",
  number: 1,
  description: "t1",
  modality: "MR",
  n_objects: 4,
  stage: "catalogued",
  reason: "",
  expected: "t1",
  deviations: [],
  figures: {},
  file_id: 1,
  at: "2026-11-21T08:00:00.000Z",
  ...more,
});

describe("sessions", () => {
  it("show figures with three digits and mark those to look at", () => {
    expect([52.3412, 0.1834, 1234.5, 0].map(figureText)).toEqual(["52.3", "0.183", "1235", "0"]);
    expect(figures(series({ figures: { fd_mean_mm: 0.62, tsnr: 41.26 } }))).toEqual([
      { name: "tsnr", text: "41.3", look: false },
      { name: "fd_mean_mm", text: "0.620", look: true },
    ]);
  });
  it("name what differs", () => {
    const one = series({
      deviations: [
        { field: "EchoTime", wanted: "80", found: "95" },
        { field: "Matrix", wanted: "16x16x4", found: "" },
      ],
    });
    expect(deviations(one)).toEqual([
      "EchoTime 95, wanted 80",
      "Matrix is not told, wanted 16x16x4",
    ]);
  });
  it("draw curves from the lowest to the highest value", () => {
    expect(curve([1, 3, 2], 100, 20)).toBe("0.0,20.0 50.0,0.0 100.0,10.0");
    expect(curve([5], 100, 20)).toBe("100.0,10.0");
    expect(curve([5, 5], 100, 20)).toBe("0.0,10.0 100.0,10.0");
  });
});
