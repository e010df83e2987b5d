// The table of ROI statistics as text, as CSV, and how its numbers read.
import { describe, expect, it } from "vitest";
import {
  asCsv,
  asText,
  cellText,
  columnsFor,
  isUnsized,
  percentilesOf,
  shown,
  type Row,
} from "./columns";
import { maskHeader } from "../nifti";
import { sizeText } from "../texts";
import { lengthOf, parseHeader } from "../../../viewer";

const ROW: Row = {
  image_id: 1,
  image: "=SUM(A1)",
  psid: "S-0001#2024",
  roi_index: 0,
  roi_file_id: null,
  roi: 'left, "upper"',
  value: 1,
  color: "#ff0000",
  frame: 0,
  roi_frame: 0,
  n_voxels: 12,
  n_used: 12,
  length_unit: "mm",
  median: 2.5,
  volume_ml: 0.012,
  area_cm2: 0.12,
  area_max_cm2: 0.12,
  n_slices: 1,
  percentiles: { "5": 1, "97.5": 4 },
  resampled: "",
  problem: "",
};

describe("columns", () => {
  it("ROI-x04: NORA's come first and in its order", () => {
    const ids = columnsFor([], false).map(({ id }) => id);
    expect(ids.slice(0, 13)).toEqual([
      ...["psid", "image", "frame", "roi", "roi_frame", "color", "median", "iqr1", "iqr2"],
      ...["mean", "std", "volume_ml", "area_cm2"],
    ]);
    expect(columnsFor([5, 97.5], true).map(({ id }) => id)).toContain("p97.5");
  });

  it("ROI-39: CSV quotes, and nothing in it is calculated by a table program", () => {
    const columns = columnsFor([97.5], false);
    const [head, line, end] = asCsv([ROW], columns).split("\r\n");
    expect(head).toMatch(/^psid,image,frame,roi,/);
    expect(line).toContain(`S-0001#2024,'=SUM(A1),0,"left, ""upper""",0,#ff0000,2.5,,,`);
    expect(line).toContain(",4,12,12,");
    expect(end).toBe("");
  });

  it("ROI-39: copied text has units in its head and full precision", () => {
    const [head, line] = asText([{ ...ROW, mean: 1 / 3 }], columnsFor([], false)).split("\n");
    expect(head!.split("\t")).toContain("volume (mL)");
    expect(line!.split("\t")).toContain(String(1 / 3));
  });

  it("numbers read with three decimals, tiny and large ones otherwise", () => {
    const numbers = [0.5, 12, 0.00012, 1234.5678, null];
    const told = ["0.500", "12.000", "1.20e-4", "1234.57", "–"];
    expect(numbers.map((value) => shown(value))).toEqual(told);
    expect(shown(12, true)).toBe("12");
  });

  it("VIEW-x09: sizes of tomograms are read in nm³ and nm², and saved in mL and cm²", () => {
    const row: Row = { ...ROW, length_unit: "angstrom", volume_ml: 4.2e-17, surface_mm2: 3e-9 };
    const columns = columnsFor([], false);
    const cell = (id: string): string =>
      cellText(
        row,
        columns.find((one) => one.id === id)!,
      );
    expect(cell("volume_ml")).toBe("42000.0 nm³");
    expect(
      cellText(
        row,
        columns.find((one) => one.id === "volume_ml")!,
        true,
      ),
    ).toBe("42000.0");
    expect(cell("surface_mm2")).toBe("3000.00 nm²");
    expect(cell("n_voxels")).toBe("12");
    expect(asCsv([row], columns)).toContain(",4.2e-17,");
    expect(
      cellText(
        ROW,
        columns.find((one) => one.id === "volume_ml")!,
      ),
    ).toBe("0.012");
  });

  it("VIEW-x09: without a known size of a voxel there are voxels and no volume", () => {
    const row: Row = { ...ROW, length_unit: "pixel", volume_ml: null };
    const columns = columnsFor([], false);
    expect(
      cellText(
        row,
        columns.find((one) => one.id === "volume_ml")!,
      ),
    ).toBe("–");
    expect([isUnsized(row), isUnsized(ROW)]).toEqual([true, false]);
    const told = (["mm", "angstrom", "pixel", "detector"] as const).map((length) =>
      sizeText(0.5, length, 7),
    );
    expect(told).toEqual(["0.50 mL", "0.50 nm³", "7 vox", "7 vox"]);
    expect(sizeText(5e8, "angstrom", 7)).toBe("0.50 µm³");
  });

  it("VIEW-x09: a mask without a header to copy from keeps what its lengths are", () => {
    const affine = [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1];
    const made = maskHeader({
      shape: [3, 3, 3],
      affine,
      frames: 1,
      frameSeconds: 0,
      length: "angstrom",
    });
    expect(lengthOf(parseHeader(made.buffer))).toBe("angstrom");
  });

  it("percentiles are numbers from 0 to 100, each once", () => {
    expect(percentilesOf("5, 95;5")).toEqual([5, 95]);
    expect(percentilesOf("")).toEqual([]);
    expect(percentilesOf("101")).toBeNull();
    expect(percentilesOf("five")).toBeNull();
  });
});
