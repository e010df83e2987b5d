import { describe, expect, it } from "vitest";
import { maskOf, paletteTable, regionsOf } from "./regions";

const shape = [4, 3, 2] as const;
const samples = (data: number[], slope = 1, inter = 0) => ({ data, shape, slope, inter });

describe("regions of an atlas", () => {
  it("are counted, with a place that lies inside (ROI-x05)", () => {
    const data = new Array<number>(24).fill(0);
    // A ring about voxel (1, 1, 0): its middle is not part of it.
    for (const i of [0, 1, 2, 4, 6, 8, 9, 10]) data[i] = 7;
    data[23] = 2035;
    expect(regionsOf(samples(data))).toEqual([
      { value: 7, n: 8, voxel: [0, 0, 0] },
      { value: 2035, n: 1, voxel: [3, 2, 1] },
    ]);
  });

  it("follow slope and intercept, and labels beyond a million", () => {
    const data = new Array<number>(24).fill(1);
    expect(regionsOf(samples(data, 2, 1))).toMatchObject([{ value: 3, n: 24 }]);
    data[0] = 5_000_000;
    expect(regionsOf(samples(data)).map((one) => one.value)).toEqual([1, 5_000_000]);
    expect(regionsOf(samples(new Array<number>(24).fill(NaN)))).toEqual([]);
  });

  it("become one mask", () => {
    const data = Array.from({ length: 24 }, (_, i) => i % 4);
    const mask = maskOf(samples(data), new Set([1, 3]));
    expect([...mask.slice(0, 4)]).toEqual([0, 1, 0, 1]);
  });
});

describe("the colours of an atlas", () => {
  it("stand at the number of the label; what is hidden is clear", () => {
    const few = paletteTable(
      new Map([
        [1, "#ff0000"],
        [17, "#dcd814"],
      ]),
      (value) => value !== 1,
    );
    expect(few.length).toBe(1024);
    expect([...few.slice(4, 8)]).toEqual([0, 0, 0, 0]);
    expect([...few.slice(68, 72)]).toEqual([220, 216, 20, 255]);
    const many = paletteTable(new Map([[2035, "#010203"]]), () => true);
    expect(many.length).toBe(4 * 65_536);
    expect([...many.slice(4 * 2035, 4 * 2036)]).toEqual([1, 2, 3, 255]);
  });
});
