import { describe, expect, it } from "vitest";
import { factsOf, rescaling, type Source } from "./telling";

const SOURCE: Source = {
  exact: true,
  equal: true,
  why: "",
  value: -24,
  sop_uid: "1.2.3",
  series_uid: "1.2",
  instance_number: 7,
  frame: 0,
  row: 12,
  column: 40,
  raw: 1000,
  slope: 1,
  intercept: -1024,
  rescaled: -24,
};

describe("the source of a voxel", () => {
  it("is told with the stored number and how it is rescaled", () => {
    expect(rescaling(SOURCE)).toBe("1000 × 1 − 1024 = -24");
    expect(rescaling({ ...SOURCE, intercept: 0, rescaled: 1000 })).toBe("1000");
    const facts = factsOf(SOURCE).map(({ label, value }) => [label, value]);
    expect(facts).toEqual([
      ["Stored", "1000"],
      ["Rescaled", "1000 × 1 − 1024 = -24"],
      ["Instance", "7"],
      ["Frame", "1"],
      ["Row", "12"],
      ["Column", "40"],
      ["Object", "1.2.3"],
      ["Series", "1.2"],
    ]);
  });

  it("tells nothing that is not known", () => {
    const bare = { exact: false, equal: false, why: "derived", value: 3 } as Source;
    expect(factsOf(bare)).toEqual([]);
    expect(rescaling(bare)).toBe("–");
  });
});
