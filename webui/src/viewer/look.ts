// How a layer looks: the properties that all viewports share unless one of them differs.
import type { Rgb } from "./colormaps";
import type { Layer } from "./layer.svelte";
import type { Projection } from "./scene";
import type { Limits } from "./types";
import type { Viewport } from "./viewport.svelte";

export interface Look {
  visible: boolean;
  opacity: number;
  colormap: string;
  colour: Rgb;
  limits: Limits;
  gamma: number;
  symmetric: boolean;
  hideBelow: boolean;
  hideAbove: boolean;
  outline: boolean;
  pixelated: boolean;
  frame: number;
  slab: number;
  project: Projection;
}

/** Change a layer everywhere, or (Shift) in one viewport only. */
export function setLook(
  layer: Layer,
  patch: Partial<Look>,
  viewports: readonly Viewport[],
  only?: Viewport,
): void {
  if (only) {
    const before = only.overrides[layer.id];
    only.overrides = { ...only.overrides, [layer.id]: { ...before, ...patch } };
    return;
  }
  layer.change(patch);
  for (const viewport of viewports) {
    const own = viewport.overrides[layer.id];
    if (!own) continue;
    const rest = Object.fromEntries(Object.entries(own).filter(([name]) => !(name in patch)));
    viewport.overrides = { ...viewport.overrides, [layer.id]: rest };
  }
}

/** Whether a layer differs here from elsewhere. */
export const differs = (viewport: Viewport, layer: Layer): boolean =>
  Object.keys(viewport.overrides[layer.id] ?? {}).length > 0;

/** Look here as everywhere else. */
export function forgetOwn(viewport: Viewport, layer: Layer): void {
  const { [layer.id]: _gone, ...rest } = viewport.overrides;
  viewport.overrides = rest;
}
