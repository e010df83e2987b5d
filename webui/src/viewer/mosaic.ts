// Mosaic of a stack of slices: which planes, where on the screen, and how the crop box moves.
import type { Vec3 } from "./linalg";
import { add, dot, scale, sub } from "./linalg";
import type { GridLike, View } from "./planes";
import { corners, sliceInfo } from "./planes";
import type { Rect, Size } from "./types";

export interface MosaicState {
  /** Number of columns; may be fractional while the wheel turns. */
  columns: number;
  /** First and last slice as shares of the stack. */
  start: number;
  end: number;
  /** Share of the image's width cut away at each side. */
  border: number;
}

/** NORA's start: 8 columns, the middle 60 % of the stack. */
export const MOSAIC: MosaicState = { columns: 8, start: 0.2, end: 0.8, border: 0 };

export interface Tile {
  /** Inside the viewport, in CSS pixels. */
  rect: Rect;
  view: View;
  /** Position along the normal. */
  mm: number;
}

const extent = (points: readonly Vec3[], axis: Vec3): [number, number] => {
  const along = points.map((p) => dot(p, axis));
  return [Math.min(...along), Math.max(...along)];
};

/** Rows and columns that fill a viewport with tiles of the image's own proportions. */
export function tiling(size: Size, aspect: number, columns: number) {
  const wanted = Math.max(1, Math.round(columns));
  const width = size.width / wanted;
  const rows = Math.max(1, Math.floor(size.height / (width / aspect)));
  const height = size.height / rows;
  return { columns: wanted, rows, width, height };
}

/** Positions along the normal (mm), spread evenly and put on the grid's own slices. */
export function positions(
  grid: GridLike,
  normal: Vec3,
  n: number,
  { start, end }: Pick<MosaicState, "start" | "end">,
): number[] {
  const [low, high] = extent(corners(grid), normal);
  const info = sliceInfo(grid, normal, [0, 0, 0]);
  const half = info.aligned ? info.stepMm / 2 : 0;
  return Array.from({ length: n }, (_, i) => {
    const share = n === 1 ? (start + end) / 2 : start + ((end - start) * i) / (n - 1);
    const at = low + share * (high - low);
    if (!info.aligned) return at;
    const k = Math.round((at - low - half) / info.stepMm);
    return low + half + Math.min(info.count - 1, Math.max(0, k)) * info.stepMm;
  });
}

/** The tiles of a mosaic; `zoom` and `centre` act on all of them alike. */
export function mosaicTiles(
  base: View,
  grid: GridLike,
  state: MosaicState,
  zoom: number,
  centre: Vec3 | null,
): Tile[] {
  const { axes, size } = base;
  const points = corners(grid);
  const [x0, x1] = extent(points, axes.right);
  const [y0, y1] = extent(points, axes.up);
  const keep = 1 - 2 * state.border;
  const { columns, rows, width, height } = tiling(size, (x1 - x0) / (y1 - y0), state.columns);
  const mmPerPixel = Math.max(((x1 - x0) * keep) / width, ((y1 - y0) * keep) / height) / zoom;
  const middle = add(scale(axes.right, (x0 + x1) / 2), scale(axes.up, (y0 + y1) / 2));
  const flat = centre ? sub(centre, scale(axes.normal, dot(centre, axes.normal))) : middle;
  return positions(grid, axes.normal, columns * rows, state).map((mm, i) => {
    const left = Math.round((i % columns) * width);
    const top = Math.round(Math.floor(i / columns) * height);
    const rect = {
      left,
      top,
      width: Math.round(((i % columns) + 1) * width) - left,
      height: Math.round((Math.floor(i / columns) + 1) * height) - top,
    };
    const origin = add(flat, scale(axes.normal, mm));
    return { rect, mm, view: { axes, origin, mmPerPixel, size: rect } };
  });
}

/** More or fewer columns: at least two. */
export const withColumns = (state: MosaicState, columns: number): MosaicState => ({
  ...state,
  columns: Math.min(24, Math.max(2, columns)),
});

/** Move one end of the stack, or the whole of it. */
export function withRange(
  state: MosaicState,
  which: "start" | "end" | "both",
  by: number,
): MosaicState {
  const { start, end } = state;
  if (which === "start") return { ...state, start: Math.min(end - 0.02, Math.max(0, start + by)) };
  if (which === "end") return { ...state, end: Math.max(start + 0.02, Math.min(1, end + by)) };
  const moved = Math.max(-start, Math.min(1 - end, by));
  return { ...state, start: start + moved, end: end + moved };
}
