import { describe, expect, it } from "vitest";
import { colourTable, labelTable, COLORMAPS } from "./colormaps";
import { fromHalf, halfTable, toHalf } from "./half";
import { IDENTITY } from "./linalg";
import type { NiftiHeader, StoredArray } from "./nifti";
import { choosePacking } from "./packing";
import { constantAxis, cutSlab, slabRange, thinSamples } from "./sample";
import { binFactor, binLayer, binSlab } from "./texture";
import { Volume } from "./volume";

function volume(
  dtype: NiftiHeader["dtype"],
  data: StoredArray,
  shape = [3, 4, 5] as const,
): Volume {
  const header = { shape, frames: 1, channels: 1, dtype, slope: 1, inter: 0, affine: IDENTITY };
  const made = new Volume("x", header as unknown as NiftiHeader, data);
  made.complete = true;
  return made;
}
const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const wish = { labels: false, floatLinear: true, centre: 0, spread: 1 };

describe("half floats", () => {
  it("survive the round trip for every half", () => {
    for (let h = 0; h < 65536; h++) {
      const value = fromHalf(h);
      if (!Number.isNaN(value)) expect(fromHalf(toHalf(value))).toBe(value);
    }
  });

  it("keep a CT window of 80 HU within a grey level", () => {
    const table = halfTable(true, 1064);
    for (let v = 1024; v <= 1104; v++) {
      const shown = fromHalf(table[v]!) + 1064;
      expect(Math.abs(shown - v)).toBeLessThan(80 / 256);
    }
  });
});

describe("texels", () => {
  it.each([
    ["uint8", Uint8Array.from(count(60)), "u8"],
    ["int8", Int8Array.from(count(60), (v) => v - 30), "u8"],
    ["int16", Int16Array.from(count(60), (v) => v - 30), "half"],
    ["uint16", Uint16Array.from(count(60)), "half"],
    ["float32", Float32Array.from(count(60)), "float"],
    ["int32", Int32Array.from(count(60)), "float"],
  ] as const)("%s comes back from its texel", (dtype, data, kind) => {
    const packing = choosePacking(volume(dtype, data), { ...wish, centre: 12 });
    expect(packing.kind).toBe(kind);
    const texels = packing.pack(data);
    for (const i of [0, 7, 59]) {
      const raw = texels[i]!;
      const texel = kind === "u8" ? raw / 255 : kind === "half" ? fromHalf(raw) : raw;
      expect(texel * packing.scale + packing.offset).toBeCloseTo(data[i]!, 5);
    }
  });

  it("keeps labels exact", () => {
    const packing = choosePacking(volume("int16", Int16Array.from(count(60))), {
      ...wish,
      labels: true,
    });
    expect(packing.kind).toBe("rgba");
    expect([...packing.pack(Int16Array.of(7))]).toEqual([7, 7, 0, 0]);
  });
});

describe("slabs", () => {
  const data = Int16Array.from(count(60));
  const image = volume("int16", data);
  it.each([0, 1, 2])("along axis %i hold the voxels of the volume", (axis) => {
    const slab = cutSlab(image, axis, 1, 2);
    for (let k = 0; k < slab.shape[2]; k++)
      for (let j = 0; j < slab.shape[1]; j++)
        for (let i = 0; i < slab.shape[0]; i++) {
          const at = [i, j, k].map((v, a) => (a === axis ? v + 1 : v)) as [number, number, number];
          const got = slab.data[i + slab.shape[0] * (j + slab.shape[1] * k)];
          expect(got).toBe(image.value(at));
        }
  });

  it("are two thick only between slices", () => {
    expect(slabRange(3, 10, false)).toEqual([3, 1]);
    expect(slabRange(3.4, 10, false)).toEqual([3, 2]);
    expect(slabRange(3.4, 10, true)).toEqual([3, 1]);
    expect(slabRange(9.4, 10, false)).toEqual([9, 1]);
    expect(slabRange(9.6, 10, false)).toBeNull();
  });

  it("exist only for planes along the grid", () => {
    expect(constantAxis(IDENTITY, [1, 0, 0], [0, 1, 0])).toBe(2);
    expect(constantAxis(IDENTITY, [0.6, 0.8, 0], [-0.8, 0.6, 0])).toBe(2);
    expect(constantAxis(IDENTITY, [1, 0, 0], [0, 0.8, 0.6])).toBeNull();
  });

  it("need the slice to have arrived", () => {
    const partial = volume("int16", data);
    partial.complete = false;
    expect(partial.value([0, 0, 2])).toBeNull();
    partial.early.add(2);
    expect(partial.value([0, 0, 2])).toBe(24);
    expect(partial.hasSlice(0, 1, 0)).toBe(false);
    expect(thinSamples(partial).length).toBe(12);
  });
});

describe("large volumes", () => {
  it("are binned until they fit the device and the budget", () => {
    expect(binFactor([256, 256, 256], 2, 2048, 2 ** 28)).toBe(1);
    expect(binFactor([4096, 100, 10], 1, 2048, 2 ** 28)).toBe(2);
    expect(binFactor([1024, 1024, 1024], 2, 2048, 2 ** 28)).toBe(2);
  });

  it("average blocks, also at ragged edges", () => {
    const image = volume("float32", Float32Array.from(count(27)), [3, 3, 3] as never);
    const layer = binLayer(image, 0, 2, 0, true);
    expect(layer[0]).toBeCloseTo((0 + 1 + 3 + 4 + 9 + 10 + 12 + 13) / 8, 5);
    expect(layer[3]).toBeCloseTo((8 + 17) / 2, 5);
  });
});

describe("colour tables", () => {
  it.each(COLORMAPS)("%s has 256 opaque or own entries", (name) => {
    const table = colourTable(name, [10, 20, 30]);
    expect(table.length).toBe(1024);
    expect(table[1023]).toBe(name === "below limit" ? 0 : 255);
  });

  it("fades the black end of an overlay", () => {
    const table = colourTable("hot", [0, 0, 0], true);
    expect(table[3]).toBe(0);
    expect([...table.slice(4 * 40, 4 * 40 + 3)]).toEqual([255, 0, 0]);
    expect(colourTable("hot", [0, 0, 0])[3]).toBe(255);
  });

  it("leaves label 0 clear and tells labels apart", () => {
    const table = labelTable([1, 2, 3], false);
    expect(table[3]).toBe(0);
    expect([...table.slice(4, 8)]).toEqual([1, 2, 3, 255]);
    const seen = new Set(count(20).map((i) => table.slice(4 * (i + 1), 4 * i + 7).join()));
    expect(seen.size).toBe(20);
  });
});

it("bins a slab within its plane alone, by the mean or, of labels, by the first", () => {
  const slab = { axis: 2, first: 4, depth: 2, shape: [3, 2, 2] as const, data: new Int16Array(12) };
  slab.data.set([0, 2, 10, 4, 6, 20, 100, 100, 7, 100, 100, 9]);
  const mean = binSlab(slab, 2, 1, true);
  expect([mean.shape, [...mean.data]]).toEqual([
    [2, 1, 2],
    [3, 15, 100, 8],
  ]);
  expect([...binSlab(slab, 2, 1, false).data]).toEqual([0, 10, 100, 7]);
  const across = { ...slab, axis: 0, shape: [2, 3, 2] as const };
  expect(binSlab(across, 2, 1, true).shape).toEqual([2, 2, 1]);
});
