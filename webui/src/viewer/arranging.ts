// What becomes of the viewports when the layout changes.
import { defaultSizes, layoutNamed } from "./layouts";
import type { Viewer } from "./viewer.svelte";
import { Viewport } from "./viewport.svelte";

export function makeViewports(name: string): Viewport[] {
  return layoutNamed(name).places.map((place, i) => new Viewport(i, place));
}

/** What was at the same place before. */
function inheritPlace(viewport: Viewport, old: readonly Viewport[]): void {
  const { part, row, column } = viewport.place;
  const same = old.find(
    ({ place }) => place.part === part && place.row === row && place.column === column,
  );
  if (!same) return;
  viewport.inherit(same);
  viewport.kind = same.kind;
  viewport.mosaic = same.mosaic;
}

/** Images of places that are gone move to empty ones. */
function rescue(next: readonly Viewport[], old: readonly Viewport[]): void {
  const kept = new Set(next.map(({ layers }) => layers));
  for (const one of old)
    if (one.layers.length > 0 && !kept.has(one.layers))
      next.find((viewport) => viewport.layers.length === 0)?.inherit(one);
}

/** Show the images in another layout. */
export function arrange(viewer: Viewer, name: string): void {
  const layout = layoutNamed(name);
  const old = viewer.viewports;
  const common = old.find((viewport) => viewport.layers.length > 0)?.layers ?? [];
  const wasShared = viewer.shared;
  viewer.maximized = null;
  viewer.layoutName = layout.name;
  viewer.sizes = defaultSizes(layout);
  const next = makeViewports(layout.name);
  for (const viewport of next) {
    if (layout.shared) viewport.layers = common;
    else if (wasShared) viewport.layers = viewport.index === 0 ? common : [];
    else inheritPlace(viewport, old);
  }
  if (!layout.shared && !wasShared) rescue(next, old);
  viewer.viewports = next;
  viewer.active = Math.min(viewer.active, next.length - 1);
}

/** Exchange what two viewports show. */
export function exchange(a: Viewport, b: Viewport): void {
  const kept = new Viewport(-1, a.place);
  kept.inherit(a);
  a.inherit(b);
  b.inherit(kept);
}
