// Images whose files have changed on the service are read again, in their places and with their looks.
import { api, path } from "../core/api";
import type { Layer } from "./layer.svelte";
import type { FileRow } from "./types";
import type { Viewer } from "./viewer.svelte";

/** The row of a file as the service has it now; null when it is as it was. */
async function newer(layer: Layer): Promise<FileRow | null> {
  const { row } = layer;
  // ROIs are drawn on: their tool tells of changes by others.
  if (!row || layer.role === "labels") return null;
  const now = await api.get<FileRow>(path("files", row.id));
  return String(now.version) === String(row.version) ? null : now;
}

/** Show a file in place of an earlier version of it. */
async function replace(viewer: Viewer, old: Layer, row: FileRow): Promise<void> {
  const places = viewer.viewports.filter((viewport) => viewport.layers.includes(old));
  const master = viewer.master === old;
  const known = new Set(viewer.layers);
  const done = viewer.open(row, old.role, places[0]?.index);
  const next = viewer.layers.find((layer) => !known.has(layer));
  if (next) {
    const { limits, ...look } = old.look;
    next.change(old.windowed ? { ...look, limits } : look);
    for (const viewport of places) {
      viewer.putInto(next, viewport);
      const own = viewport.overrides[old.id];
      if (own) viewport.overrides = { ...viewport.overrides, [next.id]: own };
      viewport.layers = viewport.layers.filter((layer) => layer !== old);
    }
    if (master) viewer.master = next;
    viewer.collect();
  }
  await done;
}

/** Read again what has changed; gives how many images that were. */
export async function renew(viewer: Viewer): Promise<number> {
  const before = [...viewer.layers];
  const rows = await Promise.all(before.map(newer));
  const changed = before.flatMap((layer, i) => (rows[i] ? [{ layer, row: rows[i] }] : []));
  await Promise.all(changed.map(({ layer, row }) => replace(viewer, layer, row)));
  return changed.length;
}
