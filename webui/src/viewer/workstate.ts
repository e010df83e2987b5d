// The viewer's state as JSON that survives a reload, and back; images are named, never embedded.
import type { Rgb } from "./colormaps";
import type { Layer } from "./layer.svelte";
import type { Vec3 } from "./linalg";
import type { FileRow, Limits, Role, ViewKind } from "./types";
import type { Viewer } from "./viewer.svelte";

export interface SavedLayer {
  file: FileRow;
  role: Role;
  look: {
    visible: boolean;
    opacity: number;
    colormap: string;
    colour: Rgb;
    limits: Limits;
    gamma: number;
    hideBelow: boolean;
    hideAbove: boolean;
    outline: boolean;
    pixelated: boolean;
    frame: number;
  };
}

export interface SavedViewport {
  kind: ViewKind;
  layers: number[];
  centre: Vec3 | null;
  zoom: number;
  crosshair: Vec3 | null;
}

export interface Workstate {
  version: 1;
  layout: string;
  active: number;
  crosshair: Vec3;
  frame: "image" | "world";
  rotation: Viewer["rotation"];
  link: boolean;
  radiological: boolean;
  pixelated: boolean;
  layers: SavedLayer[];
  viewports: SavedViewport[];
  /** Names of local files, which only the person can bring back. */
  local: string[];
}

function saveLayer(layer: Layer): SavedLayer {
  const { visible, opacity, colormap, colour, limits, gamma } = layer;
  const { hideBelow, hideAbove, outline, pixelated, frame } = layer;
  const look = { visible, opacity, colormap, colour, limits, gamma };
  return {
    file: plain(layer.row!),
    role: layer.role,
    look: { ...look, hideBelow, hideAbove, outline, pixelated, frame },
  };
}

/** A copy without anything reactive in it. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export function serialize(viewer: Viewer): Workstate {
  const stored = viewer.layers.filter((layer) => layer.row !== null);
  return {
    version: 1,
    layout: viewer.layoutName,
    active: viewer.active,
    crosshair: viewer.crosshair,
    frame: viewer.frameMode,
    rotation: viewer.rotation,
    link: viewer.link,
    radiological: viewer.radiological,
    pixelated: viewer.pixelated,
    layers: stored.map(saveLayer),
    viewports: viewer.viewports.map(({ kind, layers, centre, zoom, crosshair }) => ({
      kind,
      layers: layers.map((layer) => stored.indexOf(layer)).filter((i) => i >= 0),
      centre,
      zoom,
      crosshair,
    })),
    local: viewer.layers.filter((layer) => layer.isLocal).map((layer) => layer.name),
  };
}

function applyLook(layer: Layer, { look }: SavedLayer): void {
  const { limits, ...rest } = look;
  Object.assign(layer, rest);
  if (layer.isVolume) layer.setLimits(limits);
}

/** Show what was saved; layers that cannot be loaded stay visible as failed. */
export async function restore(viewer: Viewer, saved: Workstate): Promise<void> {
  if (saved.version !== 1) throw new Error(`This view was saved by a newer version.`);
  viewer.closeAll();
  viewer.setLayout(saved.layout);
  viewer.link = saved.link;
  viewer.radiological = saved.radiological;
  viewer.pixelated = saved.pixelated;
  viewer.frameMode = saved.frame;
  viewer.rotation = saved.rotation;
  viewer.setCrosshair(saved.crosshair);
  const opening = saved.layers.map((one, i) => {
    const at = saved.viewports.findIndex((viewport) => viewport.layers.includes(i));
    const known = new Set(viewer.layers);
    const done = viewer.open(one.file, one.role, Math.max(at, 0));
    const layer = viewer.layers.find((candidate) => !known.has(candidate));
    if (layer) applyLook(layer, one);
    return { layer, done };
  });
  saved.viewports.forEach((one, i) => {
    const viewport = viewer.viewports[i];
    if (!viewport) return;
    const { kind, centre, zoom, crosshair } = one;
    Object.assign(viewport, { kind, centre, zoom, crosshair });
    viewport.layers = one.layers.map((n) => opening[n]?.layer).filter((l) => l !== undefined);
  });
  viewer.active = Math.min(saved.active, viewer.viewports.length - 1);
  await Promise.all(opening.map(({ done }) => done));
}
