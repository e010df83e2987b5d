// What is under the crosshair: exact stored values, voxels, and a summary for the frame.
import type { Layer } from "./layer.svelte";
import type { Vec3 } from "./linalg";
import type { FileRow, Readout } from "./types";
import type { Viewer } from "./viewer.svelte";
import type { Viewport } from "./viewport.svelte";
import { formatValue } from "./windowing";

export interface ViewerState {
  layers: readonly Layer[];
  crosshair: Vec3;
  readouts: readonly Readout[];
  layout: string;
  active: number;
  link: boolean;
  radiological: boolean;
  /** The active viewport's base image: place, voxel, value and file. */
  world: Vec3 | null;
  voxel: Vec3 | null;
  value: string | null;
  file: { name: string; path?: string } | null;
}

/** CT values are Hounsfield units; other images carry no unit unless NORA has written one. */
function unitOf(layer: Layer): string {
  const told = layer.volume?.header.nora?.unit;
  if (told) return told;
  return layer.volume?.header.inter === -1024 || /(^|[_.-])ct([_.-]|$)/i.test(layer.name)
    ? "HU"
    : "";
}

function read(layer: Layer, mm: Vec3): Readout {
  const voxel = layer.revision > 0 && layer.volume ? layer.volume.voxelAt(mm) : null;
  const value = voxel
    ? layer.volume!.value(voxel, Math.min(layer.frame, layer.volume!.frames - 1))
    : null;
  const header = layer.volume?.header;
  const scaled = header && (header.slope !== 1 || header.inter !== 0);
  const raw = scaled && typeof value === "number" ? (value - header.inter) / header.slope : null;
  const name = typeof value === "number" ? (layer.palette?.names.get(value) ?? "") : "";
  // "label 7" says no more than 7.
  const label = name === `label ${String(value)}` ? "" : name;
  return { layerId: layer.id, name: layer.label, voxel, value, raw, unit: unitOf(layer), label };
}

/** Values of a viewport's images under its crosshair, its base image first. */
export function readouts(viewer: Viewer, viewport: Viewport): Readout[] {
  const mm = viewer.crosshairOf(viewport);
  const { base } = viewport;
  const images = viewport.layers.filter((layer) => layer.isVolume);
  return [...images]
    .sort((a, b) => Number(b === base) - Number(a === base))
    .map((l) => read(l, mm));
}

/** "198", "-24 HU", "12 200 31", "17 Left-Hippocampus" or "\u2013" outside. */
export function valueText({ value, unit, label }: Readout): string {
  if (value === null) return "\u2013";
  const number = typeof value === "number" ? formatValue(value) : value.join(" ");
  return [number, label || unit].filter(Boolean).join(" ");
}

/** " [1024]": the stored number where slope and intercept make another one of it. */
export const rawText = ({ raw }: Readout): string =>
  raw === null ? "" : ` [${formatValue(Math.round(raw * 1e6) / 1e6)}]`;

function fileOf(row: FileRow | null, name: string): { name: string; path?: string } {
  return row?.path ? { name, path: row.path } : { name };
}

export function summarize(viewer: Viewer): ViewerState {
  const viewport = viewer.activeViewport;
  const all = readouts(viewer, viewport);
  const first = all[0];
  const crosshair = viewer.crosshairOf(viewport);
  return {
    layers: viewer.layers,
    crosshair,
    readouts: all,
    layout: viewer.layoutName,
    active: viewer.active,
    link: viewer.link,
    radiological: viewer.radiological,
    world: first ? crosshair : null,
    voxel: first?.voxel ?? null,
    value: first ? valueText(first) : null,
    file: first ? fileOf(viewport.base?.row ?? null, viewport.base?.name ?? "") : null,
  };
}
