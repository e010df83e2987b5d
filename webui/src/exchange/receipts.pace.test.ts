import { describe, expect, it } from "vitest";
import type { Receipt } from "../core/types";
import { canAssign, pace } from "./receipts";

const receipt = (more: Partial<Receipt>): Receipt => ({
  key: "k",
  project: "default",
  kind: "dicom",
  source: "MRC1 10.0.0.1",
  state: "done",
  n_files: 2,
  n_done: 0,
  n_quarantined: 2,
  n_duplicate: 0,
  n_pending: 0,
  size_bytes: 4_000_000,
  studies: [],
  created_at: "2026-11-21T08:00:00.000Z",
  updated_at: "2026-11-21T08:00:02.000Z",
  closed_at: "2026-11-21T08:00:02.000Z",
  reason: "",
  hint: "",
  route: "",
  ...more,
});

describe("an arrival", () => {
  it("says how long it took and how fast it was", () => {
    expect(pace(receipt({}))).toMatch(/^took 2\.0 s, .+\/s$/);
    expect(pace(receipt({ closed_at: null }))).toBe("");
    expect(pace(receipt({ size_bytes: 0 }))).toBe("took 2.0 s");
  });
  it("can go to another project while nothing of it is in", () => {
    expect(canAssign(receipt({}))).toBe(true);
    expect(canAssign(receipt({ n_done: 1 }))).toBe(false);
    expect(canAssign(receipt({ state: "working" }))).toBe(false);
    expect(canAssign(receipt({ kind: "existing" }))).toBe(false);
  });
});
