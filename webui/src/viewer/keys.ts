// The viewer's keys as actions of the one table (palette, key map, listener).
import type { Action } from "../core/actions.svelte";
import { attempt } from "../core/toast.svelte";
import { renew } from "./renewing";
import type { Side } from "./render3d";
import { STAND, STANDS } from "./render3d";
import { text } from "./strings";
import type { ViewKind } from "./types";
import type { Viewer } from "./viewer.svelte";
import type { Viewport } from "./viewport.svelte";
import { DEFAULTS } from "./settings";
import { windowsWith, type OwnWindow } from "./windowing";

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

/** Read changed files again, and say how many there were. */
export async function update(viewer: Viewer): Promise<void> {
  await attempt(async () => {
    const n = await renew(viewer);
    viewer.tell(n ? `${text.renewed} ${n}` : text.allNew);
  });
}

/** The viewport in 3D that is meant: the active one, else the first. */
const spaceOf = (viewer: Viewer): Viewport | undefined =>
  [viewer.activeViewport, ...viewer.viewports].find((one) => one.kind === "3d");

function standAction(viewer: Viewer, side: Side): Action {
  return {
    id: `viewer.camera.${side}`,
    label: `3D: ${text.from[side].toLowerCase()}`,
    context: "viewer",
    group: GROUP,
    enabled: () => spaceOf(viewer) !== undefined,
    run: () => {
      const there = spaceOf(viewer);
      if (there) there.camera = { ...there.camera, ...STAND[side] };
    },
  };
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

type One = (id: string, label: string, keys: string[], run: () => void) => Action;

/** Letters for slices and speed: as they were, or as later versions of NORA have them. */
function moving(viewer: Viewer, scheme: "classic" | "2026", one: One): Action[] {
  const later = scheme === "2026";
  return [
    one("slower", "Scroll slower", [later ? "Shift+X" : "x"], () => speed(viewer, -1)),
    one("faster", "Scroll faster", [later ? "Shift+Y" : "y"], () => speed(viewer, 1)),
    one("next", "Next slice", ["PageUp", ".", ...(later ? ["x"] : [])], () =>
      viewer.step(viewer.activeViewport, viewer.scrollSpeed),
    ),
    one("previous", "Previous slice", ["PageDown", ",", ...(later ? ["y", "z"] : [])], () =>
      viewer.step(viewer.activeViewport, -viewer.scrollSpeed),
    ),
  ];
}

export function viewerActions(
  viewer: Viewer,
  scheme: "classic" | "2026" = "classic",
  own: readonly OwnWindow[] = DEFAULTS.windows,
): Action[] {
  const one = (id: string, label: string, keys: string[], run: () => void): Action =>
    toggle(viewer, id, label, keys, run);
  const presets = windowsWith(own).map((preset): Action => ({
    id: `viewer.window.${preset.key}`,
    label: `Window: ${preset.name}`,
    context: "viewer",
    group: "Window",
    keys: [preset.key],
    run: () => viewer.applyPreset(preset),
  }));
  return [
    ...presets,
    ...moving(viewer, scheme, one),
    one("reset", "Reset view", ["r"], () => viewer.reset()),
    one("center", "Centre at crosshair", ["c"], () => viewer.center()),
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
    one("text", "Position on or off", [], () => (viewer.showText = !viewer.showText)),
    one("bars", "Bars of the layers on or off", [], () => (viewer.showBars = !viewer.showBars)),
    one("info", "Voxel size, matrix and values on or off", ["i"], () => {
      viewer.showInfo = !viewer.showInfo;
    }),
    one("master", "All on the voxels of this image, or each on its own", ["m"], () => {
      const { base } = viewer.activeViewport;
      viewer.setGrid(viewer.frameMode === "grid" ? null : base);
      const on = viewer.frameMode === "grid";
      viewer.tell(
        on && base ? `All on the voxels of ${base.label}` : "Each image on its own voxels",
      );
    }),
    one("renew", text.renew, [], () => void update(viewer)),
    one("close", "Close all images", [], () => viewer.closeAll()),
    planeAction(viewer, "axial", "Axial"),
    planeAction(viewer, "coronal", "Coronal"),
    planeAction(viewer, "sagittal", "Sagittal"),
    planeAction(viewer, "3d", "3D"),
    ...STANDS.map((side) => standAction(viewer, side)),
  ];
}
