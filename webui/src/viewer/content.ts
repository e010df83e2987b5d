// Which part of a slab can be seen at all: nothing is drawn around a small ROI or overlay.
import type { Vec3 } from "./linalg";
import { apply } from "./linalg";
import type { View } from "./planes";
import { worldToScreen } from "./planes";
import type { Slab } from "./sample";
import type { DrawLayer } from "./scene";
import type { Rect } from "./types";
import type { Volume } from "./volume";

/** Texels from `low` to `high`, both included, along the two axes of the plane. */
export interface Content {
  axes: readonly [number, number];
  low: readonly [number, number];
  high: readonly [number, number];
}

/** Display value below which a layer shows nothing; null: it shows everything. */
export function threshold({ mode, shown, symmetric }: DrawLayer): number | null {
  if (mode === "labels") return 0.5;
  if (mode !== "scalar" || symmetric || !shown || shown.low < -1e38) return null;
  return shown.low;
}

/** Where a slab has values from a display value on; null: nowhere. */
export function contentOf(slab: Slab, volume: Volume, least: number): Content | null {
  const { slope, inter } = volume.header;
  const [u, v] = ([0, 1, 2] as const).filter((a) => a !== slab.axis) as [number, number];
  const [nx, ny] = slab.shape;
  const low: [number, number] = [Infinity, Infinity];
  const high: [number, number] = [-1, -1];
  const { data } = slab;
  for (let at = 0; at < data.length; at++) {
    if (!(data[at]! * slope + inter >= least)) continue;
    const place = [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))];
    const [p, q] = [place[u]!, place[v]!];
    if (p < low[0]) low[0] = p;
    if (q < low[1]) low[1] = q;
    if (p > high[0]) high[0] = p;
    if (q > high[1]) high[1] = q;
  }
  return high[0] < 0 ? null : { axes: [u, v], low, high };
}

/** The rectangle in CSS pixels of a view that holds the content, with a texel around it. */
export function contentRect(
  content: Content,
  volume: Volume,
  view: View,
  axis: number,
  at: number,
) {
  const [u, v] = content.axes;
  const corner = (p: number, q: number): { x: number; y: number } => {
    const voxel: [number, number, number] = [0, 0, 0];
    voxel[axis] = at;
    voxel[u] = p;
    voxel[v] = q;
    return worldToScreen(view, apply(volume.affine, voxel as Vec3));
  };
  const [p0, q0] = content.low.map((x) => x - 1.5) as [number, number];
  const [p1, q1] = content.high.map((x) => x + 1.5) as [number, number];
  const all = [corner(p0, q0), corner(p1, q0), corner(p0, q1), corner(p1, q1)];
  const xs = all.map(({ x }) => x);
  const ys = all.map(({ y }) => y);
  const [left, top] = [Math.min(...xs) - 1, Math.min(...ys) - 1];
  return { left, top, width: Math.max(...xs) + 1 - left, height: Math.max(...ys) + 1 - top };
}

type DeviceRect = readonly [left: number, bottom: number, width: number, height: number];

/** Let a layer be drawn only where it has something, and within a part of its place. */
export function confine(
  gl: WebGL2RenderingContext,
  target: DeviceRect,
  part: DeviceRect,
  { size }: View,
  within: Rect | null,
): void {
  const [x, y, w, h] = target;
  gl.enable(gl.SCISSOR_TEST);
  if (!within) return gl.scissor(...part);
  const across = (px: number): number => Math.min(w, Math.max(0, (px / size.width) * w));
  const down = (px: number): number => Math.min(h, Math.max(0, (px / size.height) * h));
  const left = Math.floor(across(within.left));
  const right = Math.ceil(across(within.left + within.width));
  const top = Math.floor(down(within.top));
  const bottom = Math.ceil(down(within.top + within.height));
  gl.scissor(...both(part, [x + left, y + h - bottom, right - left, bottom - top]));
}

/** What two rectangles have in common. */
function both(a: DeviceRect, b: DeviceRect): DeviceRect {
  const [left, low] = [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  const right = Math.min(a[0] + a[2], b[0] + b[2]);
  const high = Math.min(a[1] + a[3], b[1] + b[3]);
  return [left, low, Math.max(0, right - left), Math.max(0, high - low)];
}
