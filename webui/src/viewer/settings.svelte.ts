// The viewer's settings in this browser, and presets of them in a project.
import { api, path } from "../core/api";
import { session } from "../core/session.svelte";
import { reading } from "./nifti";
import { DEFAULTS, readSettings, type Settings } from "./settings";
import type { Viewer } from "./viewer.svelte";

const STORE = "nora.viewer";
const KIND = "layout";

function load(): Settings {
  try {
    return readSettings(JSON.parse(localStorage.getItem(STORE) ?? "null"));
  } catch {
    return DEFAULTS;
  }
}

let current: Settings = $state.raw(load());

export const settings = (): Settings => current;

/** Make a viewer follow the settings; `whole` also its layout. */
export function apply(viewer: Viewer, whole = false): void {
  const { mapping, worldVoxelMm, fieldMm, fromZero, planes } = current;
  Object.assign(viewer, { mapping, worldVoxelMm, fieldMm, autoFromZero: fromZero });
  if (viewer.frameMode !== "grid") viewer.frameMode = planes;
  reading.preferQform = current.preferQform;
  reading.maxBytes = current.maxImageMb * 1e6;
  if (whole) viewer.setLayout(current.startLayout);
}

export function change(viewer: Viewer, patch: Partial<Settings>): void {
  current = readSettings({ ...current, ...patch });
  try {
    localStorage.setItem(STORE, JSON.stringify(current));
  } catch {
    // private mode or storage full: the value holds for this page
  }
  apply(viewer);
}

export interface Preset {
  name: string;
  doc: { settings: unknown; layout: string };
}

/** Presets of the project, by name. */
export async function presets(): Promise<Preset[]> {
  const found = await api.get<{ items: Preset[] }>(path("docs", KIND), {
    project: session.project,
  });
  return found.items;
}

export async function savePreset(viewer: Viewer, name: string): Promise<void> {
  const doc = { settings: current, layout: viewer.layoutName };
  await api.put(path("docs", KIND, name), doc, { project: session.project });
}

export async function dropPreset(name: string): Promise<void> {
  await api.delete(path("docs", KIND, name), { project: session.project });
}

export function usePreset(viewer: Viewer, { doc }: Preset): void {
  change(viewer, readSettings(doc.settings));
  viewer.setLayout(doc.layout);
}
