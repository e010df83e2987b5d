// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { PictureSize } from "./gather";
import { offsets } from "./gather";
import type { Mat4, Vec3 } from "./linalg";
import { apply, dot, IDENTITY3, invert, norm, unit } from "./linalg";
import type { NiftiHeader, StoredArray } from "./nifti";
import type { View } from "./planes";
import { planeAxes, screenToWorld } from "./planes";
import type { ChannelOrder, DrawLayer } from "./scene";
import { sketch } from "./sketch";
import { allOrientations } from "./testing";
import { Volume } from "./volume";

const SHAPE: Vec3 = [7, 6, 5];
const N = 7 * 6 * 5;
const RAMP: Mat4 = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

function made(data: StoredArray, affine: Mat4 = RAMP, more: Partial<NiftiHeader> = {}): Volume {
  const header = { shape: SHAPE, frames: 1, channels: 1, affine, slope: 1, inter: 0, ...more };
  const volume = new Volume("v", { dtype: "int16", ...header } as NiftiHeader, data);
  volume.complete = true;
  return volume;
}

const GREY = Uint8Array.from({ length: 1024 }, (_, i) => (i % 4 === 3 ? 255 : Math.floor(i / 4)));

function layer(volume: Volume, more: Partial<DrawLayer> = {}): DrawLayer {
  return {
    id: "l",
    volume,
    frame: 0,
    mode: "scalar",
    limits: { low: 0, high: 255 },
    channels: [0, 1, 2],
    gamma: 1,
    shown: null,
    symmetric: false,
    table: GREY,
    tableKey: "grey",
    opacity: 1,
    outline: 0,
    pixelated: false,
    slab: 1,
    project: "max",
    usual: { centre: 0, spread: 1 },
    ...more,
  };
}

/** One pixel per millimetre, the middle of the volume in the middle. */
function view(volume: Volume, size: PictureSize, mmPerPixel = 1, plane = "axial" as const): View {
  const axes = planeAxes(plane, false, IDENTITY3);
  const origin = apply(volume.affine, [3, 2.5, 2]);
  return { axes, origin, mmPerPixel, size: { width: size[0], height: size[1] } };
}

const rgb = (word: number): number[] => [word & 255, (word >> 8) & 255, (word >> 16) & 255];
const ramp = Int16Array.from({ length: N }, (_, i) => i);

describe("pictures by the processor (VIEW-08, VIEW-29)", () => {
  const planes = ["axial", "coronal", "sagittal"] as const;

  it.each(allOrientations())("find the nearest voxel of an image stored as $codes", (stored) => {
    const volume = made(ramp, stored.affine);
    for (const plane of planes) {
      const size = [21, 19] as const;
      const axes = planeAxes(plane, true, IDENTITY3);
      const origin = apply(stored.affine, [2.9173, 2.2031, 1.8117]);
      const shown = { axes, origin, mmPerPixel: 0.871, size: { width: 21, height: 19 } };
      const found = offsets(shown, volume, size);
      for (let y = 0; y < 19; y++)
        for (let x = 0; x < 21; x++) {
          const mm = screenToWorld(shown, { x: x + 0.5, y: 19 - y - 0.5 });
          const voxel = volume.voxelAt(mm);
          expect(found[y * 21 + x]).toBe(voxel ? volume.offset(voxel) : -1);
        }
    }
  });

  it("find it in oblique planes, too", () => {
    const volume = made(ramp, [1.1, 0.2, 0, -3, -0.2, 1, 0.3, 2, 0, -0.3, 1.2, 1, 0, 0, 0, 1]);
    const size = [15, 15] as const;
    const shown = view(volume, size, 0.7);
    const found = offsets(shown, volume, size);
    let inside = 0;
    for (let i = 0; i < found.length; i++) {
      const at = { x: (i % 15) + 0.5, y: 15 - Math.floor(i / 15) - 0.5 };
      const voxel = volume.voxelAt(screenToWorld(shown, at));
      expect(found[i]).toBe(voxel ? volume.offset(voxel) : -1);
      inside += Number(voxel !== null);
    }
    expect(inside).toBeGreaterThan(20);
    expect(norm(unit(shown.axes.normal))).toBeCloseTo(1);
    expect(dot(shown.axes.right, shown.axes.up)).toBe(0);
    expect(invert(volume.affine)).not.toBeNull();
  });

  it("show LUT(value) of every voxel at 1:1", () => {
    const volume = made(ramp);
    const size = [7, 6] as const;
    const out = sketch(view(volume, size), [layer(volume)], null, size)!;
    const slice = Array.from({ length: 42 }, (_, i) => 2 * 42 + i);
    expect(Array.from(out, (word) => rgb(word)[0])).toEqual(slice);
  });

  it("follow slope, window and gamma", () => {
    const volume = made(ramp, RAMP, { slope: 2, inter: -100 });
    const size = [7, 6] as const;
    const limits = { low: 0, high: 200 };
    const out = sketch(view(volume, size), [layer(volume, { limits, gamma: 2 })], null, size)!;
    out.forEach((word, i) => {
      const x = Math.min(1, Math.max(0, ((84 + i) * 2 - 100) / 200));
      const entry = Math.round(255 * Math.sqrt(x));
      expect(Math.abs(rgb(word)[0]! - entry)).toBeLessThanOrEqual(1);
    });
  });

  it("hide what an overlay hides, and lay it over with its opacity", () => {
    const base = made(new Int16Array(N).fill(100));
    const over = made(Int16Array.from(ramp, (v) => (v % 2 ? 200 : 0)));
    const size = [7, 6] as const;
    const shown = { low: 0, high: 255 };
    const top = layer(over, { shown, opacity: 0.5, id: "o" });
    const out = sketch(view(base, size), [layer(base), top], null, size)!;
    out.forEach((word, i) => expect(rgb(word)[0]).toBe(i % 2 ? 150 : 100));
  });

  it("draw labels by their own colours, the rim stronger", () => {
    const data = Int16Array.from({ length: N }, (_, i) => {
      const [x, y] = [i % 7, Math.floor(i / 7) % 6];
      return x > 0 && x < 6 && y > 0 && y < 5 ? 300 : 0;
    });
    const volume = made(data);
    const table = new Uint8Array(4 * 65536);
    table.set([10, 200, 30, 255], 4 * 300);
    const size = [7, 6] as const;
    const roi = layer(volume, { mode: "labels", table, opacity: 0.5, outline: 1 });
    const out = sketch(view(volume, size), [roi], null, size)!;
    expect(rgb(out[0]!)).toEqual([0, 0, 0]);
    expect(rgb(out[8]!)).toEqual([10, 200, 30]);
    expect(rgb(out[2 * 7 + 3]!)).toEqual([5, 100, 15]);
  });

  it("show colours as they are stored", () => {
    const data = Uint8Array.from({ length: 3 * N }, (_, i) => i % 256);
    const volume = made(data, RAMP, { channels: 3, dtype: "uint8" as NiftiHeader["dtype"] });
    const size = [7, 6] as const;
    const out = sketch(view(volume, size), [layer(volume, { mode: "colour" })], null, size)!;
    const first = (channels: ChannelOrder | null): number[] =>
      rgb(
        sketch(view(volume, size), [layer(volume, { mode: "colour", channels })], null, size)![0]!,
      );
    const [r, g, b] = first([0, 1, 2]);
    expect(first([1, 0, 2])).toEqual([g, r, b]);
    const grey = Math.round(Math.sqrt((r! ** 2 + g! ** 2 + b! ** 2) / 3));
    first(null).forEach((value) => expect(Math.abs(value - grey)).toBeLessThanOrEqual(1));
    expect(rgb(out[0]!)).toEqual([0, 1, 2].map((e) => (3 * 84 + e) % 256));
  });

  it("blend neighbouring voxels, unless they are shown as squares", () => {
    const volume = made(Int16Array.from(ramp, (v) => 40 * (v % 7)));
    const size = [28, 24] as const;
    const shown = view(volume, size, 0.25);
    const smooth = new Set(sketch(shown, [layer(volume)], null, size)!);
    const squares = new Set(sketch(shown, [layer(volume, { pixelated: true })], null, size)!);
    expect(squares.size).toBe(7);
    expect(smooth.size).toBeGreaterThan(20);
  });

  it("leave to the device what they cannot do: thick slabs, other grids, what is still arriving", () => {
    const volume = made(ramp);
    const size = [7, 6] as const;
    const grid = { ...volume, affine: RAMP.map((v, i) => (i === 3 ? 9 : v)) };
    expect(sketch(view(volume, size), [layer(volume, { slab: 5 })], null, size)).toBeNull();
    expect(sketch(view(volume, size), [layer(volume)], grid, size)).toBeNull();
    expect(sketch(view(volume, size), [layer(volume)], volume, size)).not.toBeNull();
    volume.complete = false;
    expect(sketch(view(volume, size), [layer(volume)], null, size)).toBeNull();
  });
});
