// Ctrl+Shift+click on a series in time: its curve there stays, or goes again.
import { dock, openTool } from "../core/dock.svelte";
import { MOST_PINS, pinAt, pins } from "./pins.svelte";
import type { PointerAt } from "./tools";
import type { Viewer } from "./viewer.svelte";
import type { Viewport } from "./viewport.svelte";

/** False when the viewport shows no series: the gesture means something else there. */
export function togglePin(viewer: Viewer, viewport: Viewport, at: PointerAt): boolean {
  if (!viewport.layers.some((layer) => (layer.volume?.frames ?? 1) > 1)) return false;
  const known = pinAt(at.view, viewer.slice(viewport)?.stepMm ?? 1, at.point);
  if (known) pins.remove(known);
  else if (!pins.add(at.mm)) viewer.tell(`No more than ${MOST_PINS} pins`);
  // A tool that somebody is using stays.
  if (!known && !dock.open) openTool("curves");
  return true;
}
