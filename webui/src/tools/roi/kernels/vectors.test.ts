// The kernels give what the shared vectors say, which the service's kernels are held to as well.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Mat4 } from "../../../viewer/linalg";
import { invert } from "../../../viewer/linalg";
import { fillBetween } from "./between";
import type { Triple } from "./box";
import { bounds, voxels } from "./box";
import {
  fillHoles,
  islands,
  keepAt,
  keepLargest,
  keepParts,
  parts,
  removeSalt,
} from "./components";
import { dragTolerance, grow, Growth } from "./growing";
import type { Morph } from "./morphology";
import { morph } from "./morphology";
import type { Matrix, Outline, Patch, Pen } from "./pens";
import { brush, fillOutline, nearestVoxel, placeIn, unitMm } from "./pens";
import { paste } from "./box";
import { decode, differing, encode, flip, fromIndices } from "./runs";
import { mirror, smoothMask } from "./shaping";

interface Params {
  steps: number;
  part: number;
  threshold: number;
  count: number;
  radius: Triple;
  point: Triple;
  normal: Triple;
  axis: number;
  voxelMm: Triple;
  seed: Triple;
  window: [number, number];
  tolerance: number;
  affine: number[][];
  pen: Pen;
  outline: Outline;
}

interface Case {
  name: string;
  op: string;
  shape: Triple;
  mask: number[];
  values?: number[];
  params: Params;
  expected: number[];
}

const FOLDER = join(import.meta.dirname, "../../../../../tests/vectors/roi");

function matrixOf({ shape, params }: Case): Matrix {
  const affine = params.affine.flat() as Mat4;
  return { shape, affine, inverse: invert(affine)! };
}

function spread(patch: Patch | null, shape: Triple): Uint8Array {
  const out = new Uint8Array(voxels(shape));
  if (patch) paste(out, shape, patch.box, patch.on);
  return out;
}

function grown({ values, shape, params }: Case): Uint8Array {
  const [x, y, z] = params.seed;
  const [low, high] = params.window;
  const source = { values: values!, shape, slope: 1, inter: 0, low, high };
  return grow(source, (z * shape[1] + y) * shape[0] + x, params.tolerance);
}

const MORPHS = ["erode", "dilate", "open", "close"];

function run(mask: Uint8Array, one: Case): Uint8Array | number[] {
  const { shape, params, op } = one;
  if (MORPHS.includes(op)) return morph(mask, shape, op as Morph, params.steps);
  if (op === "sizes") return parts(mask, shape).sizes;
  if (op === "part")
    return keepParts(parts(mask, shape), mask.length, (p) => p + 1 === params.part);
  if (op === "salt") return removeSalt(mask, shape, params.threshold);
  if (op === "largest") return keepLargest(mask, shape, params.count);
  if (op === "fill") return fillHoles(mask, shape);
  if (op === "grow") return grown(one);
  if (op === "brush") return spread(brush(matrixOf(one), params.pen), shape);
  if (op === "outline") return spread(fillOutline(matrixOf(one), params.outline), shape);
  if (op === "smooth") return smoothMask(mask, shape, params.radius);
  if (op === "mirror") return mirror(mask, matrixOf(one), params.point, params.normal);
  if (op === "between") return fillBetween(mask, shape, params.axis, params.voxelMm);
  throw new Error(op);
}

describe.each(readdirSync(FOLDER))("%s", (file) => {
  const cases = JSON.parse(readFileSync(join(FOLDER, file), "utf-8")) as Case[];
  it.each(cases.map((one, i) => [`${i} ${one.op} ${one.name}`, one] as const))("%s", (_, one) => {
    const mask = new Uint8Array(voxels(one.shape));
    decode(one.mask, mask);
    const found = run(mask, one);
    const told = found instanceof Uint8Array ? [...encode(found)] : found;
    expect(told).toEqual(one.expected);
  });
});

describe("runs", () => {
  it("come back as they went, and turn a mask over and back", () => {
    const mask = Uint8Array.from([0, 1, 1, 0, 0, 1]);
    expect([...encode(mask)]).toEqual([1, 2, 5, 1]);
    const other = Uint8Array.from([1, 1, 0, 0, 0, 1]);
    const change = differing(mask, other);
    expect(flip(mask, change)).toBe(0);
    expect(mask).toEqual(other);
    expect([...fromIndices(Uint32Array.from([7, 3, 4, 9, 8]))]).toEqual([3, 2, 7, 3]);
  });
});

describe("islands", () => {
  it("ROI-x02: tell size, middle and a voxel inside", () => {
    const shape: Triple = [6, 3, 2];
    const mask = new Uint8Array(36);
    mask.fill(1, 0, 3);
    mask[35] = 1;
    const found = islands(mask, shape);
    expect(found.map(({ size }) => size)).toEqual([3, 1]);
    expect(found[0]).toEqual({ size: 3, centre: [1, 0, 0], inside: [1, 0, 0] });
    expect([...encode(keepAt(mask, shape, 35))]).toEqual([35, 1]);
    expect(keepAt(mask, shape, 20)).toEqual(mask);
  });
});

describe("growing", () => {
  it("ROI-26: the tolerance follows the mouse as NORA's does", () => {
    expect(dragTolerance(0)).toBeCloseTo(0.1, 12);
    expect(dragTolerance(100)).toBeCloseTo(0.4437, 4);
    expect(dragTolerance(-70)).toBe(0);
  });

  it("a smaller tolerance is the beginning of a larger one", () => {
    const values = Int16Array.from({ length: 1000 }, (_, i) => i);
    const source = { values, shape: [1000, 1, 1] as Triple, slope: 1, inter: 0, low: 0, high: 999 };
    const growth = new Growth(source, 500);
    const wide = growth.reach(0.2);
    const narrow = growth.reach(0.1);
    expect(narrow).toBeLessThan(wide);
    expect(growth.reach(0.2)).toBe(wide);
    expect(bounds(grow(source, 500, 0.1), source.shape)!.low[0]).toBe(401);
  });
});

describe("growing in portions", () => {
  const shape: Triple = [23, 17, 9];
  const values = Int16Array.from({ length: voxels(shape) }, (_, i) => (i * i * 7919) % 61);
  const source = { values, shape, slope: 1, inter: 0, low: 0, high: 100 };
  const seed = voxels(shape) >> 1;

  it("ROI-26: takes up the same voxels as at once", () => {
    const growth = new Growth(source, seed);
    let [n, complete, rounds] = [0, false, 0];
    for (; !complete; rounds++) ({ n, complete } = growth.reachSome(0.3, 50));
    expect(rounds).toBeGreaterThan(5);
    const slow = new Uint8Array(values.length);
    for (const at of growth.order.values.subarray(0, n)) slow[at] = 1;
    expect(slow).toEqual(grow(source, seed, 0.3));
  });

  it("ROI-26: every shorter part of the list is what its tolerance reaches", () => {
    const growth = new Growth(source, seed);
    growth.reach(1);
    for (const tolerance of [0, 0.05, 0.11, 0.24]) {
      const part = new Uint8Array(values.length);
      for (const at of growth.order.values.subarray(0, growth.reach(tolerance))) part[at] = 1;
      expect(part).toEqual(grow(source, seed, tolerance));
    }
  });

  it("never starts from what is no number", () => {
    const none = { ...source, values: Float32Array.from(values, () => NaN) };
    expect(new Growth(none, seed).reach(1)).toBe(0);
  });
});

describe("pens", () => {
  it("always draw the voxel under their middle, also at the end of an oblique line", () => {
    const affine: Mat4 = [
      -1.2, 0.1, 0.3, 14, 0.15, 0.9, -0.2, -11, -0.2, 0.25, 2, -7.5, 0, 0, 0, 1,
    ];
    const matrix = { shape: [18, 20, 9] as Triple, affine, inverse: invert(affine)! };
    const centre = [5.1, -2.2, 3.3] as const;
    const from = [9.4, -4.9, 3.3] as const;
    const normal = [0, 0, 1] as const;
    const sizes = { radiusMm: 0.1, halfMm: 0, direction: 0 } as const;
    const pen: Pen = { shape: "cylinder", centre, from, normal, ...sizes };
    const found = brush(matrix, pen)!;
    const place = placeIn(found, nearestVoxel(matrix, centre));
    expect(place === null ? null : found.on[place]).toBe(1);
  });

  it("ROI-18: sizes are relative to the image, or the diameter in mm", () => {
    expect(unitMm(233, false) * 20).toBeCloseTo(15.53, 2);
    expect(unitMm(233, true) * 20).toBe(10);
  });

  it("ROI-18: one click with NORA's sizes on a 1 mm head covers five slices of about 750", () => {
    const shape: Triple = [60, 60, 20];
    const affine: Mat4 = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const f = unitMm(233, false);
    const pen: Pen = {
      shape: "sphere",
      centre: [30, 30, 10],
      normal: [0, 0, 1],
      radiusMm: 20 * f,
      halfMm: 3 * f,
      direction: 0,
    };
    const on = spread(brush({ shape, affine, inverse: affine }, pen), shape);
    const box = bounds(on, shape)!;
    expect([box.low[2], box.high[2]]).toEqual([8, 12]);
    const n = on.reduce((a, b) => a + b, 0);
    expect(n).toBeGreaterThan(3650);
    expect(n).toBeLessThan(3780);
  });
});
