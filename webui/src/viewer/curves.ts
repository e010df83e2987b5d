// Time series at a voxel and means over ROIs, scaled for comparison; numbers only.
import { apply } from "./linalg";
import type { Vec3 } from "./linalg";
import type { Volume } from "./volume";

export type Scaling = "none" | "range" | "mean" | "first" | "last";
export const SCALINGS: readonly Scaling[] = ["none", "range", "mean", "first", "last"];

export interface Curve {
  name: string;
  colour: string;
  x: number[];
  y: number[];
  xUnit: "s" | "frame" | "x";
}

/** As the file tells them (NORA's xdata), seconds if it says how long one takes, else from 1. */
export function times(volume: Volume): { x: number[]; xUnit: Curve["xUnit"] } {
  const { frameSeconds, nora } = volume.header;
  if (nora?.xdata && nora.xdata.length >= volume.frames)
    return { x: nora.xdata.slice(0, volume.frames), xUnit: "x" };
  const known = frameSeconds > 0;
  const x = Array.from({ length: volume.frames }, (_, i) => (known ? i * frameSeconds : i + 1));
  return { x, xUnit: known ? "s" : "frame" };
}

/** Values of a voxel over time; NaN where there is none. */
export const seriesAt = (volume: Volume, voxel: Vec3): number[] =>
  Array.from({ length: volume.frames }, (_, frame) => {
    const value = volume.value(voxel, frame);
    return typeof value === "number" ? value : NaN;
  });

/** Offsets of the voxels of an image whose centre lies in a ROI (0.5 or more), on any grid. */
export function inside(volume: Volume, roi: Volume, frame = 0): number[] {
  const [nx, ny, nz] = volume.shape;
  const out: number[] = [];
  for (let k = 0; k < nz; k++)
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++) {
        const at = roi.voxelAt(apply(volume.affine, [i, j, k]));
        const value = at ? roi.value(at, Math.min(frame, roi.frames - 1)) : 0;
        if (typeof value === "number" && value >= 0.5) out.push(i + nx * (j + ny * k));
      }
  return out;
}

/** Mean over voxels at every time point. */
export function meanSeries(volume: Volume, offsets: readonly number[]): number[] {
  const { slope, inter } = volume.header;
  return Array.from({ length: volume.frames }, (_, frame) => {
    const data = volume.frameSamples(frame);
    if (!data || offsets.length === 0) return NaN;
    let sum = 0;
    for (const at of offsets) sum += data[at]!;
    return (sum / offsets.length) * slope + inter;
  });
}

/** A curve made comparable with others. */
export function scaled(y: readonly number[], how: Scaling): number[] {
  const finite = y.filter(Number.isFinite);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const mean = finite.reduce((a, b) => a + b, 0) / Math.max(1, finite.length);
  const by = { none: 1, range: high - low, mean, first: y[0] ?? 1, last: y.at(-1) ?? 1 }[how];
  const from = how === "range" ? low : 0;
  return y.map((v) => (by === 0 ? NaN : (v - from) / by));
}

/** Mean, standard deviation (of the points themselves) and area under a curve; gaps are left out. */
export function curveFacts({ x, y }: Pick<Curve, "x" | "y">) {
  const finite = y.filter(Number.isFinite);
  const n = finite.length;
  const mean = finite.reduce((a, b) => a + b, 0) / n;
  const sd = Math.sqrt(finite.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n);
  let area = 0;
  for (let i = 1; i < y.length; i++) {
    const piece = ((y[i]! + y[i - 1]!) / 2) * (x[i]! - x[i - 1]!);
    if (Number.isFinite(piece)) area += piece;
  }
  return { mean, sd, area };
}

/** Tab-separated table: one row for each time point. */
export function curveTable(curves: readonly Curve[]): string {
  const n = Math.max(0, ...curves.map(({ y }) => y.length));
  const head = [curves[0]?.xUnit ?? "frame", ...curves.map(({ name }) => name)];
  const rows = Array.from({ length: n }, (_, i) =>
    [curves.find(({ x }) => x.length > i)?.x[i] ?? "", ...curves.map(({ y }) => y[i] ?? "")].join(
      "\t",
    ),
  );
  return [head.join("\t"), ...rows].join("\n");
}
