// Shows the files of a case as a preset says; who decides which case is elsewhere.
import type { FileRow } from "../../core/types";
import { allActions } from "../../core/actions.svelte";
import { openTool } from "../../core/dock.svelte";
import { Layer, loadUrl, viewer } from "../../viewer";
import { annotate, closeMarkers } from "./annotating";
import { rois } from "../roi/rois.svelte";
import { lookOf, roleOf } from "./looking";
import { colourOf, type Entry, type LoadedCase, type Preset } from "./preset";
import { say } from "./strings";

const RANK = { background: 0, overlay: 1, labels: 2, surface: 3, streamlines: 3 };
/** Images beyond this are not fetched before somebody asks for them. */
const PREFETCH_BYTES = 400e6;

interface Shown {
  layer: Layer;
  done: Promise<unknown>;
}

function arrange({ view }: Preset): void {
  if (view.layout && view.layout !== viewer.layoutName) viewer.setLayout(view.layout);
  if (view.linked !== null) viewer.link = view.linked;
  view.kinds.forEach((kind, i) => {
    const viewport = viewer.viewports[i];
    if (viewport) viewport.kind = kind;
  });
}

/** Everything of the case before goes: nothing of one person stays over another's images. */
function clear({ keep_position: keep }: Preset): void {
  const placed = viewer.placed && viewer.layers.length > 0;
  viewer.closeAll();
  closeMarkers();
  if (keep) viewer.placed = placed;
  else viewer.reset();
}

function openInto(row: FileRow, entry: Entry, places: readonly number[]): Shown | null {
  const role = roleOf(entry);
  const done = viewer.open(row, role, places[0]);
  const found = (one: Layer): boolean => one.row?.id === row.id && one.status !== "failed";
  const layer =
    viewer.layers.find((one) => found(one) && one.role === role) ?? viewer.layers.find(found);
  if (!layer) return null;
  for (const i of places.slice(1)) {
    const viewport = viewer.viewports[i];
    if (viewport) viewer.putInto(layer, viewport);
  }
  viewer.setLook(layer, lookOf(entry.intent));
  return { layer, done };
}

/** Where the files of an entry go: the viewports it names, further ones next to them. */
function placesOf(entry: Entry, nth: number): number[] {
  const there = entry.viewports.filter((i) => i < viewer.viewports.length);
  if (viewer.shared || there.length === 0) return [];
  if (nth === 0) return there;
  const next = there[there.length - 1]! + nth;
  return next < viewer.viewports.length ? [next] : [];
}

function turn({ viewports, intent }: Entry): void {
  viewports.forEach((place, i) => {
    const viewport = viewer.viewports[place];
    const kind = intent.slicing[i] ?? intent.slicing.at(-1);
    if (viewport && kind) viewport.kind = kind;
  });
}

const lacks = (n: number, problem: string, entry: Entry): string =>
  problem ? `${entry.pattern}: ${problem}` : n === 0 ? say("lacks", { what: entry.pattern }) : "";

/** Show a case; resolves when its images are there, with what is missing. `still`: nobody has gone on. */
export async function showCase(
  preset: Preset,
  loaded: LoadedCase,
  still: () => boolean,
): Promise<string[]> {
  arrange(preset);
  clear(preset);
  const shown = new Map<number, Shown[]>();
  const order = preset.entries
    .map((entry, i) => ({ entry, i, found: loaded.entries[i] }))
    .filter(({ entry, found }) => found !== undefined && entry.enabled)
    .sort((a, b) => RANK[roleOf(a.entry)] - RANK[roleOf(b.entry)]);
  for (const { entry, i, found } of order.filter(({ entry }) => !entry.intent.annotation)) {
    const layers = found!.files.map((row, nth) => openInto(row, entry, placesOf(entry, nth)));
    shown.set(
      i,
      layers.filter((one) => one !== null),
    );
    turn(entry);
  }
  setMaster(preset);
  await Promise.all([...shown.values()].flat().map(({ done }) => done));
  for (const { entry, i, found } of still() ? order : []) {
    if (entry.intent.annotation) await annotate(entry, loaded, i, still);
    else if (found!.wanted) makeRoi(entry, found!.wanted, shown);
  }
  return order
    .filter(({ found }) => !found!.wanted)
    .map(({ entry, found }) => lacks(found!.n, found!.problem, entry))
    .filter(Boolean);
}

function setMaster({ main_viewport: at }: Preset): void {
  const base = viewer.viewports[at]?.base;
  if (base) viewer.setGrid(base);
}

/** An empty ROI on the grid of the image that the entry names. */
function makeRoi(entry: Entry, path: string, shown: ReadonlyMap<number, Shown[]>): void {
  const grid = shown.get(entry.intent.autocreateroi ?? -1)?.[0]?.layer;
  if (!grid?.volume?.complete) return;
  const roi = rois.create(grid);
  if (!roi) return;
  roi.layer.title = path;
  const colour = colourOf(entry.intent.color);
  if (colour) roi.layer.colour = colour;
}

const ALLOWED =
  /^(viewer\.(window\.[0-8]|reset|center|info|master|histogram|crosshair)|tool\.[a-z]+)$/;

/** Actions that a preset may do once a case is shown: they look, and change nothing. */
export const afterActions = (): { id: string; label: string }[] =>
  allActions()
    .filter(({ id }) => ALLOWED.test(id))
    .map(({ id, label }) => ({ id, label }));

/** Do what the preset names, never code; a tool that is open already stays open. */
export function runAfter({ calcpanel: { enabled, action } }: Preset): void {
  if (!enabled || !ALLOWED.test(action)) return;
  if (action.startsWith("tool.")) openTool(action.slice(5));
  else
    allActions()
      .find(({ id }) => id === action)
      ?.run();
}

const bytesOf = (row: FileRow): number =>
  4 *
  (row.header?.n_volumes ?? 1) *
  (row.header?.shape ?? []).slice(0, 3).reduce((a, b) => a * b, 1);

/** Fetch the images of a case into the cache before it is asked for; returns what stops it. */
export function prefetch(preset: Preset, loaded: LoadedCase): () => void {
  const stop = new AbortController();
  preset.entries.forEach((entry, i) => {
    for (const row of entry.enabled ? (loaded.entries[i]?.files ?? []) : []) {
      const layer = new Layer({ row }, roleOf(entry));
      const url = row.volume_url ?? "";
      if (!url || viewer.cache.has(layer.cacheKey) || bytesOf(row) > PREFETCH_BYTES) continue;
      viewer.cache
        .acquire(layer.cacheKey, (on) => loadUrl(url, row.name, on), { signal: stop.signal })
        .then(
          () => viewer.cache.release(layer.cacheKey),
          () => undefined,
        );
    }
  });
  return () => stop.abort();
}
