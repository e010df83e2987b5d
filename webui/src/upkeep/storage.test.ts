import { describe, expect, it } from "vitest";
import { freeable, line, partOf, type Storage } from "./storage";

const found: Storage = {
  measured_at: "2026-11-21T02:00:00.000Z",
  disk_bytes: 100,
  free_bytes: 40,
  parts: [
    { part: "cache", size_bytes: 7, n: 2 },
    { part: "trash_due", size_bytes: 5, n: 3 },
  ],
  projects: [],
  growth: [],
  trash_days: 0,
  jobs_days: 90,
};

describe("storage", () => {
  it("tells what may be freed, with the ages of the settings or the usual ones", () => {
    expect(freeable(found)).toEqual([
      { what: "cache", days: 1, n: 2, size_bytes: 7 },
      { what: "trash", days: 30, n: 3, size_bytes: 5 },
      { what: "jobs", days: 90, n: 0, size_bytes: 0 },
    ]);
  });
  it("takes a part that was not measured for nothing", () => {
    expect(partOf(found, "models")).toEqual({ part: "models", size_bytes: 0, n: 0 });
  });
  it("draws the course by its days, from zero", () => {
    const growth = [
      { day: "2026-11-01", size_bytes: 50 },
      { day: "2026-11-02", size_bytes: 50 },
      { day: "2026-11-05", size_bytes: 100 },
    ];
    expect(line(growth, 100, 10)).toBe("0.0,5.0 25.0,5.0 100.0,0.0");
  });
});
