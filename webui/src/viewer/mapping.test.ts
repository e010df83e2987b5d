import { describe, expect, it } from "vitest";
import { mappingOf, tooCoarse } from "./mapping";
import { fromHalf } from "./half";
import type { NiftiHeader, StoredArray } from "./nifti";
import { choosePacking, labelIndex } from "./packing";
import { IDENTITY } from "./linalg";
import { Volume } from "./volume";

function image(dtype: NiftiHeader["dtype"], data: StoredArray, slope = 1, inter = 0): Volume {
  const shape = [data.length, 1, 1] as const;
  const header = { shape, frames: 1, channels: 1, dtype, slope, inter, affine: IDENTITY };
  return new Volume("x", header as unknown as NiftiHeader, data);
}
const wish = { labels: false, floatLinear: true, centre: 0, spread: 1 };
const look = { shown: null, symmetric: false };

/** Grey level of a stored value as the shader computes it, in 32-bit floats. */
function grey(volume: Volume, limits: { low: number; high: number }, centre: number): number[] {
  const { slope, inter } = volume.header;
  const window = { low: (limits.low - inter) / slope, high: (limits.high - inter) / slope };
  const packing = choosePacking(volume, { ...wish, centre, window });
  const m = mappingOf(packing, { slope, inter, limits, ...look });
  const texels = packing.pack(volume.data);
  return Array.from(texels, (raw) => {
    const texel = packing.kind === "u8" ? raw / 255 : packing.kind === "half" ? fromHalf(raw) : raw;
    const x = Math.fround(Math.fround(texel * Math.fround(m.a)) + Math.fround(m.b));
    return 255 * Math.min(1, Math.max(0, x));
  });
}

describe("the window in the shader's numbers", () => {
  it.each([
    ["int16", Int16Array.from({ length: 200 }, (_, i) => i * 20 - 1000), 1, 0, -160, 240, 40],
    ["int16", Int16Array.from({ length: 200 }, (_, i) => 20000 + i), 1, 0, 20010, 20110, 0],
    ["uint16", Uint16Array.from({ length: 200 }, (_, i) => 60000 + i), 0.5, 3, 30008, 30098, 500],
    [
      "int32",
      Int32Array.from({ length: 200 }, (_, i) => 2 ** 28 + i),
      1,
      0,
      2 ** 28 + 10,
      2 ** 28 + 150,
      2 ** 28 + 80,
    ],
    ["uint8", Uint8Array.from({ length: 200 }, (_, i) => i), 2, -10, 0, 300, 0],
    ["float32", Float32Array.from({ length: 200 }, (_, i) => i / 7e5), 1, 0, 1e-5, 2e-4, 0],
  ] as const)("%s is within one grey level", (dtype, data, slope, inter, low, high, centre) => {
    const volume = image(dtype, data, slope, inter);
    grey(volume, { low, high }, centre).forEach((shown, i) => {
      const value = data[i]! * slope + inter;
      const wanted = 255 * Math.min(1, Math.max(0, (value - low) / (high - low)));
      expect(Math.abs(shown - wanted)).toBeLessThan(1);
    });
  });

  it("asks for 32 bits only where halves are too coarse", () => {
    expect(tooCoarse({ low: -160, high: 240 }, 40)).toBe(false);
    expect(tooCoarse({ low: 20010, high: 20110 }, 0)).toBe(true);
    expect(tooCoarse({ low: 0, high: 32767 }, 16000)).toBe(false);
  });

  it("hides below the lower limit, zero itself included when the limit is zero", () => {
    const packing = choosePacking(image("int16", Int16Array.of(0)), { ...wish, centre: 3001 });
    const m = mappingOf(packing, {
      slope: 1,
      inter: 0,
      limits: { low: 0, high: 100 },
      shown: { low: 0, high: 3e38 },
      symmetric: false,
    });
    expect(packing.texel(0)).toBeLessThan(m.least);
    expect(packing.texel(8)).toBeGreaterThan(m.least);
  });

  it("shows both signs when symmetric", () => {
    const packing = choosePacking(image("float32", Float32Array.of(0)), wish);
    const limits = { low: 2, high: 6 };
    const shown = { low: 2, high: 3e38 };
    const m = mappingOf(packing, { slope: 1, inter: 0, limits, shown, symmetric: true });
    expect([m.least, m.mirror]).toEqual([2, -2]);
    expect(-4 * m.mirrorA + m.mirrorB).toBeCloseTo(0.5);
  });
});

describe("labels", () => {
  const big = [1, 255, 256, 2 ** 24, 2 ** 24 + 1, 2 ** 24 + 2, 2 ** 31 - 1, 4e9];
  it("VIEW: beyond 2^24 stay exact and keep their colour", () => {
    const packing = choosePacking(image("float64", Float64Array.from(big)), {
      ...wish,
      labels: true,
    });
    const texels = packing.pack(Float64Array.from(big)) as Uint8Array;
    const seen = new Set(big.map((_, i) => texels.slice(4 * i, 4 * i + 4).join()));
    expect(seen.size).toBe(big.length);
    big.forEach((label, i) => expect(texels[4 * i]).toBe(labelIndex(label)));
  });

  it("of negative or missing values are not drawn", () => {
    const packing = choosePacking(image("float32", Float32Array.of(0)), { ...wish, labels: true });
    const texels = packing.pack(Float32Array.of(-3, NaN, 0, 0.4, 7)) as Uint8Array;
    expect([0, 4, 8, 12, 16].map((at) => texels[at])).toEqual([0, 0, 0, 0, 7]);
  });
});
