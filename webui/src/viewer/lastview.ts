// What was open when the page was left, shown again at the next start: kept in this browser only.
import { api, path } from "../core/api";
import { session } from "../core/session.svelte";
import { attempt } from "../core/toast.svelte";
import { settings } from "./settings.svelte";
import type { FileRow } from "./types";
import type { Viewer } from "./viewer.svelte";
import type { SavedLayer, Workstate } from "./workstate";

const storeKey = (): string =>
  `nora.view.${session.info?.user.login ?? ""}.${session.project || ""}`;

/** An address that says itself what is shown. */
const LEADS = /[?&](link|call|sharelink|preset)=/;

/** As it was at the start: calls are taken out of it at once. */
const ADDRESS = location.search;

/** Remember what is open, or that nothing is. */
export function keep(viewer: Viewer): void {
  try {
    const view = settings().startup === "last" ? viewer.serialize() : null;
    if (view?.layers.length) localStorage.setItem(storeKey(), JSON.stringify(view));
    else localStorage.removeItem(storeKey());
  } catch {
    // storage off or full: the next start is empty
  }
}

function kept(): Workstate | null {
  try {
    return JSON.parse(localStorage.getItem(storeKey()) ?? "null") as Workstate | null;
  } catch {
    return null;
  }
}

/** The file as it is now; one that is gone keeps its name and says so in its viewport. */
const fresh = async (layer: SavedLayer): Promise<SavedLayer> => ({
  ...layer,
  file: await api.get<FileRow>(path("files", layer.file.id)).catch(() => layer.file),
});

/** Show it again, unless something is there already or the address asks for something else. */
export async function reopen(viewer: Viewer, address = ADDRESS): Promise<void> {
  const view = settings().startup === "last" && !LEADS.test(address) ? kept() : null;
  if (!view?.layers?.length || viewer.layers.length > 0) return;
  await attempt(async () => {
    const layers = await Promise.all(view.layers.map(fresh));
    if (viewer.layers.length === 0) await viewer.restore({ ...view, layers });
  });
}

/** Remember whenever the page is left; returns what stops it. */
export function keepOnLeaving(viewer: Viewer): () => void {
  const off = new AbortController();
  const hidden = (): void => void (document.visibilityState === "hidden" && keep(viewer));
  addEventListener("pagehide", () => keep(viewer), { signal: off.signal });
  document.addEventListener("visibilitychange", hidden, { signal: off.signal });
  return () => off.abort();
}
