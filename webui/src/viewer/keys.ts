// The viewer's keys as actions of the one table (palette, key map, listener).
import type { Action } from "../core/actions.svelte";
import type { ViewKind } from "./types";
import type { Viewer } from "./viewer.svelte";
import { PRESETS } from "./windowing";

const GROUP = "Images";
const MAX_SPEED = 10;

function speed(viewer: Viewer, by: number): void {
  viewer.scrollSpeed = Math.min(MAX_SPEED, Math.max(1, viewer.scrollSpeed + by));
  viewer.tell(`Scroll speed ${viewer.scrollSpeed}`);
}

function planeAction(viewer: Viewer, kind: ViewKind, label: string): Action {
  const run = (): void => void (viewer.activeViewport.kind = kind);
  return { id: `viewer.plane.${kind}`, label, context: "viewer", group: GROUP, run };
}

function toggle(
  viewer: Viewer,
  id: string,
  label: string,
  keys: string[],
  flip: () => void,
): Action {
  return { id: `viewer.${id}`, label, context: "viewer", group: GROUP, keys, run: flip };
}

export function viewerActions(viewer: Viewer): Action[] {
  const one = (id: string, label: string, keys: string[], run: () => void): Action =>
    toggle(viewer, id, label, keys, run);
  const presets = PRESETS.map((preset): Action => ({
    id: `viewer.window.${preset.key}`,
    label: `Window: ${preset.name}`,
    context: "viewer",
    group: "Window",
    keys: [preset.key],
    run: () => viewer.applyPreset(preset),
  }));
  return [
    ...presets,
    one("slower", "Scroll slower", ["x"], () => speed(viewer, -1)),
    one("faster", "Scroll faster", ["y"], () => speed(viewer, 1)),
    one("reset", "Reset view", ["r"], () => viewer.reset()),
    one("center", "Centre at crosshair", ["c"], () => viewer.center()),
    one("next", "Next slice", ["PageUp", "."], () => viewer.step(viewer.activeViewport, 1)),
    one("previous", "Previous slice", ["PageDown", ","], () =>
      viewer.step(viewer.activeViewport, -1),
    ),
    one("alone", "One viewport or all", ["f"], () => viewer.maximize(viewer.active)),
    one("crosshair", "Crosshair on or off", ["h"], () => {
      viewer.showCrosshair = !viewer.showCrosshair;
    }),
    one("histogram", "Histogram on or off", [], () => {
      viewer.showHistogram = !viewer.showHistogram;
    }),
    one("pixelated", "Smooth or pixelated", ["p"], () => {
      viewer.pixelated = !viewer.pixelated;
    }),
    one("sides", "Radiological or neurological", [], () => {
      viewer.radiological = !viewer.radiological;
    }),
    one("grid", "Planes of the image or of the world", [], () => {
      viewer.frameMode = viewer.frameMode === "image" ? "world" : "image";
      viewer.tell(viewer.frameMode === "image" ? "Planes of the image" : "Planes of the world");
    }),
    one("close", "Close all images", [], () => viewer.closeAll()),
    planeAction(viewer, "axial", "Axial"),
    planeAction(viewer, "coronal", "Coronal"),
    planeAction(viewer, "sagittal", "Sagittal"),
    planeAction(viewer, "3d", "3D"),
  ];
}
