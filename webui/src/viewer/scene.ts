// What the engine is asked to draw: plain values, compared by a signature.
import type { GridLike, View } from "./planes";
import type { Limits, Rect } from "./types";
import type { Volume } from "./volume";

export type Projection = "max" | "mean" | "min";
export const PROJECTIONS: readonly Projection[] = ["max", "mean", "min"];

/** Which stored channel is shown as red, green and blue. */
export type ChannelOrder = readonly [red: number, green: number, blue: number];
export const CHANNELS: Readonly<Record<string, ChannelOrder>> = {
  RGB: [0, 1, 2],
  BRG: [2, 0, 1],
  GBR: [1, 2, 0],
  GRB: [1, 0, 2],
  BGR: [2, 1, 0],
  RBG: [0, 2, 1],
};
/** All channels together as grey: the root of the mean of their squares. */
export const SQUARES = "SOS";
export const CHANNEL_CHOICES: readonly string[] = [...Object.keys(CHANNELS), SQUARES];

export interface DrawLayer {
  id: string;
  volume: Volume;
  frame: number;
  mode: "scalar" | "colour" | "labels";
  limits: Limits;
  gamma: number;
  /** Values outside are not drawn, null: all are. */
  shown: Limits | null;
  /** Negative values have the second row of the table. */
  symmetric: boolean;
  table: Uint8Array;
  tableKey: string;
  /** Of colour images; null: their squares as grey. */
  channels: ChannelOrder | null;
  opacity: number;
  /** Opacity of the outline, 0: none. */
  outline: number;
  pixelated: boolean;
  /** Slices that are put together, 1: one. */
  slab: number;
  project: Projection;
  /** Middle and width of the usual window in stored values, for the texel type. */
  usual: { centre: number; spread: number };
}

export interface Scene {
  view: View;
  rect: Rect;
  layers: readonly DrawLayer[];
  /** Everything is read at the voxels of this grid; null: continuously. */
  grid: GridLike | null;
}

/** Equal signatures draw equal pictures. */
export function signature(scene: Scene): string {
  const { view, rect, grid } = scene;
  const layers = scene.layers.map((l) => [
    l.id,
    l.volume.revision,
    l.frame,
    l.limits,
    l.gamma,
    l.shown,
    l.tableKey,
    l.opacity,
    l.outline,
    l.pixelated,
    l.slab > 1 ? [l.slab, l.project] : 0,
  ]);
  const place = view.origin.map((x) => Math.round(x * 1e4));
  return JSON.stringify([rect, place, view.axes, view.mmPerPixel, layers, grid?.affine ?? 0]);
}
