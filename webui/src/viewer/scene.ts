// What the engine is asked to draw: plain values, compared by a signature.
import type { View } from "./planes";
import type { Limits, Rect } from "./types";
import type { Volume } from "./volume";

export interface DrawLayer {
  id: string;
  volume: Volume;
  frame: number;
  mode: "scalar" | "colour" | "labels";
  limits: Limits;
  gamma: number;
  /** Values outside are not drawn, null: all are. */
  shown: Limits | null;
  table: Uint8Array;
  tableKey: string;
  opacity: number;
  /** Opacity of the outline of labels, 0: none. */
  outline: number;
  pixelated: boolean;
  /** Middle and width of the usual window in stored values, for the texel type. */
  usual: { centre: number; spread: number };
}

export interface Scene {
  view: View;
  rect: Rect;
  layers: readonly DrawLayer[];
}

/** Equal signatures draw equal pictures. */
export function signature(scene: Scene): string {
  const { view, rect } = scene;
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
  ]);
  const place = view.origin.map((x) => Math.round(x * 1e4));
  return JSON.stringify([rect, place, view.axes, view.mmPerPixel, layers]);
}
