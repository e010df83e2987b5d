// The viewer's state as JSON that survives a reload, and back; images are named, never embedded.
import type { Layer } from "./layer.svelte";
import type { Sizes } from "./layouts";
import type { Vec3 } from "./linalg";
import type { Look } from "./look";
import type { MosaicState } from "./mosaic";
import type { Camera, Render3d } from "./render3d";
import { readCamera, readRender } from "./render3d";
import type { FileRow, Role, ViewKind } from "./types";
import type { FrameMode, Viewer } from "./viewer.svelte";
import type { Viewport } from "./viewport.svelte";

export interface SavedLayer {
  file: FileRow;
  role: Role;
  look: Look;
}

export interface SavedViewport {
  kind: ViewKind;
  layers: number[];
  centre: Vec3 | null;
  zoom: number;
  crosshair: Vec3 | null;
  linked: boolean;
  mosaic: MosaicState | null;
  render?: Render3d;
  camera?: Camera;
  /** What looks different here, by number of the layer. */
  overrides: Record<number, Partial<Look>>;
}

export interface Workstate {
  version: 1;
  layout: string;
  active: number;
  crosshair: Vec3;
  frame: FrameMode;
  /** Number of the layer that gives the common grid; null: a grid of the world. */
  master: number | null;
  mapping: string;
  sizes: Sizes;
  rotation: Viewer["rotation"];
  link: boolean;
  radiological: boolean;
  pixelated: boolean;
  layers: SavedLayer[];
  viewports: SavedViewport[];
  /** Names of local files, which only the person can bring back. */
  local: string[];
}

const saveLayer = (layer: Layer): SavedLayer => ({
  file: plain(layer.row!),
  role: layer.role,
  look: plain(layer.look),
});

/** A copy without anything reactive in it. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

function saveViewport(viewport: Viewport, stored: readonly Layer[]): SavedViewport {
  const { kind, layers, centre, zoom, crosshair, linked, mosaic, render, camera } = viewport;
  const known = layers.map((layer) => stored.indexOf(layer)).filter((i) => i >= 0);
  const overrides = Object.fromEntries(
    known.flatMap((i) => {
      const own = viewport.overrides[stored[i]!.id];
      return own ? [[i, plain(own)]] : [];
    }),
  );
  const place = { kind, centre, zoom, crosshair, linked, mosaic, render, camera };
  return { ...place, layers: known, overrides };
}

export function serialize(viewer: Viewer): Workstate {
  const stored = viewer.layers.filter((layer) => layer.row !== null);
  return {
    version: 1,
    layout: viewer.layoutName,
    active: viewer.active,
    crosshair: viewer.crosshair,
    frame: viewer.frameMode,
    master: viewer.master ? stored.indexOf(viewer.master) : null,
    mapping: viewer.mapping,
    sizes: plain(viewer.sizes),
    rotation: viewer.rotation,
    link: viewer.link,
    radiological: viewer.radiological,
    pixelated: viewer.pixelated,
    layers: stored.map(saveLayer),
    viewports: viewer.viewports.map((viewport) => saveViewport(viewport, stored)),
    local: viewer.layers.filter((layer) => layer.isLocal).map((layer) => layer.name),
  };
}

function applyLook(layer: Layer, { look }: SavedLayer): void {
  const { limits, ...rest } = look;
  Object.assign(layer, rest);
  if (layer.isVolume) layer.setLimits(limits);
}

function applyPlanes(viewer: Viewer, saved: Workstate): void {
  viewer.setLayout(saved.layout);
  viewer.link = saved.link;
  viewer.radiological = saved.radiological;
  viewer.pixelated = saved.pixelated;
  viewer.frameMode = saved.frame;
  viewer.rotation = saved.rotation;
  viewer.mapping = saved.mapping ?? viewer.mapping;
  viewer.sizes = saved.sizes ?? viewer.sizes;
  viewer.setCrosshair(saved.crosshair);
}

function applyViewport(
  viewport: Viewport,
  saved: SavedViewport,
  layers: readonly (Layer | undefined)[],
): void {
  const { kind, centre, zoom, crosshair, linked = true, mosaic = null, overrides = {} } = saved;
  const render = readRender(saved.render);
  const camera = readCamera(saved.camera);
  Object.assign(viewport, { kind, centre, zoom, crosshair, linked, mosaic, render, camera });
  viewport.layers = saved.layers.map((n) => layers[n]).filter((l) => l !== undefined);
  viewport.overrides = Object.fromEntries(
    Object.entries(overrides).flatMap(([n, own]) => {
      const layer = layers[Number(n)];
      return layer ? [[layer.id, own]] : [];
    }),
  );
}

/** Show what was saved; layers that cannot be loaded stay visible as failed. */
export async function restore(viewer: Viewer, saved: Workstate): Promise<void> {
  if (saved.version !== 1) throw new Error(`This view was saved by a newer version.`);
  viewer.closeAll();
  applyPlanes(viewer, saved);
  const opening = saved.layers.map((one, i) => {
    const at = saved.viewports.findIndex((viewport) => viewport.layers.includes(i));
    const known = new Set(viewer.layers);
    const done = viewer.open(one.file, one.role, Math.max(at, 0));
    const layer = viewer.layers.find((candidate) => !known.has(candidate));
    if (layer) applyLook(layer, one);
    return { layer, done };
  });
  const layers = opening.map(({ layer }) => layer);
  saved.viewports.forEach((one, i) => {
    const viewport = viewer.viewports[i];
    if (viewport) applyViewport(viewport, one, layers);
  });
  viewer.master = saved.master == null ? null : (layers[saved.master] ?? null);
  viewer.active = Math.min(saved.active, viewer.viewports.length - 1);
  await Promise.all(opening.map(({ done }) => done));
}
