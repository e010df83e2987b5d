// What tests and benches see: the viewer as window.__viewer, and when the first slice was drawn.
import type { Drawn, Engine } from "./engine";
import type { Viewer } from "./viewer.svelte";

export interface ViewerHook {
  viewer: Viewer;
  engine: Engine;
  readonly state: Viewer["state"];
  /** Names of images of which a slice has been drawn, with performance.now() of that moment. */
  drawn: Record<string, number>;
  /** Last report per viewport. */
  reports: Record<string, Drawn>;
  /** Resolves when the first slice of an image (by name, or any) is on the screen. */
  firstSlice: (name?: string) => Promise<number>;
}

declare global {
  interface Window {
    __viewer?: ViewerHook;
  }
}

export const FIRST_SLICE = "nora:first-slice";
const seen = new Set<string>();
const drawn: Record<string, number> = {};
const reports: Record<string, Drawn> = {};
let waiting: (() => void)[] = [];

/** Mark the first picture of every layer, once its pixels really exist. */
export function firstSlice(viewer: Viewer, engine: Engine, viewId: string, report: Drawn): void {
  reports[viewId] = report;
  for (const layer of viewer.layers) {
    const coarseness = report.binned[layer.id] ?? 1;
    if (report.layers.includes(layer.id) && layer.binned !== coarseness) layer.binned = coarseness;
    if (!report.layers.includes(layer.id) || seen.has(layer.id)) continue;
    seen.add(layer.id);
    engine.settle();
    drawn[layer.name] = performance.now();
    performance.mark(FIRST_SLICE, { detail: { name: layer.name } });
  }
  const told = waiting;
  waiting = [];
  for (const tell of told) tell();
}

function wait(name?: string): Promise<number> {
  const at = name === undefined ? Object.values(drawn)[0] : drawn[name];
  if (at !== undefined) return Promise.resolve(at);
  return new Promise((resolve) => waiting.push(() => resolve(wait(name))));
}

export function installHook(viewer: Viewer, engine: Engine): () => void {
  window.__viewer = {
    viewer,
    engine,
    get state() {
      return viewer.state;
    },
    drawn,
    reports,
    firstSlice: wait,
  };
  return () => delete window.__viewer;
}
