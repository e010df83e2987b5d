// The presets kept in this project: list, save, rename, share, delete, and the one to begin with.
import { api, path } from "../../core/api";
import { may, session } from "../../core/session.svelte";
import { attempt, inform } from "../../core/toast.svelte";
import type { Items } from "../../core/types";
import { cohort } from "./cohort.svelte";
import type { Preset, PresetRow, Share } from "./preset";
import { auto } from "./state.svelte";
import { say, text } from "./strings";
import { relaunch, switchOn } from "./walking";

const STORE = "nora.autoloader";

class Presets {
  rows: PresetRow[] | null = $state.raw(null);
  error: unknown = $state.raw(null);
  private project = "";

  async load(): Promise<PresetRow[]> {
    const { project } = session;
    if (this.project !== project) this.rows = null;
    this.project = project;
    try {
      const found = await api.get<Items<PresetRow>>("/presets", { project });
      if (project === session.project) this.rows = found.items;
      this.error = null;
      return found.items;
    } catch (error) {
      this.error = error;
      return [];
    }
  }

  /** By name, as an address gives it; one's own counts before that of others. */
  async named(name: string): Promise<PresetRow | null> {
    const rows = await this.load();
    const wanted = name.trim().toLowerCase();
    return rows.find((row) => row.name.toLowerCase() === wanted) ?? null;
  }
}

export const presets = new Presets();

/** The preset that this browser used last in a project. */
function lastKey(): string {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) ?? "{}") as Record<string, string>;
    return kept[session.project] ?? "";
  } catch {
    return "";
  }
}

function rememberKey(key: string): void {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) ?? "{}") as Record<string, string>;
    localStorage.setItem(STORE, JSON.stringify({ ...kept, [session.project]: key }));
  } catch {
    // private mode or storage full: the choice holds for this page
  }
}

/** Take over a preset; it is switched on when somebody asks for it or it says so itself. */
export function take(row: PresetRow): void {
  auto.use(row.preset, row);
  cohort.forget();
  rememberKey(row.key);
}

/** Load a preset and show the case in sight with it. */
export async function launch(row: PresetRow): Promise<void> {
  take(row);
  if (auto.on) await relaunch();
  else await switchOn();
}

/** What a project begins with: the preset used last here, or the standard one of the project. */
export async function begin(): Promise<void> {
  const rows = await presets.load();
  const last = rows.find((row) => row.key === lastKey());
  const standard = rows.find((row) => row.share === "standard" || row.share === "writable");
  const row = last ?? standard;
  if (!row || auto.on || auto.changed) return;
  take(row);
  if (row.preset.enabled) await switchOn();
}

/** With whom the user may share a preset. */
export const shares = (): Share[] => [
  "private",
  ...(may("editor") ? (["read"] as const) : []),
  ...(may("manage") ? (["standard", "writable"] as const) : []),
];

const told = (row: PresetRow): void => {
  const left = row.left_out.length;
  inform(
    left
      ? say("leftOutNora", { names: row.left_out.join(", ") })
      : say("saved", { name: row.name }),
  );
};

/** Keep what is set now under a new name. */
export async function saveAs(name: string, share: Share): Promise<void> {
  await keep(name, share, auto.preset);
}

export async function keep(name: string, share: Share, preset: unknown): Promise<PresetRow> {
  const { project } = session;
  const row = await api.post<PresetRow>("/presets", { name, share, preset }, { project });
  take(row);
  told(row);
  await presets.load();
  return row;
}

/** Change a kept preset; without a patch its content becomes what is set now. */
export async function update(
  row: PresetRow,
  patch: { name?: string; share?: Share } | { preset: Preset },
): Promise<void> {
  const rev = "preset" in patch ? { rev: row.rev } : {};
  const now = await api.put<PresetRow>(path("presets", row.key), { ...patch, ...rev });
  if (auto.row?.key === row.key) {
    auto.row = now;
    if ("preset" in patch) auto.changed = false;
  }
  told(now);
  await presets.load();
}

export async function remove(row: PresetRow): Promise<void> {
  const done = await api.delete<{ operation_id: number }>(path("presets", row.key));
  if (auto.row?.key === row.key) {
    auto.row = null;
    auto.changed = true;
  }
  const undo = async (): Promise<void> => {
    await attempt(() => api.post(path("operations", done.operation_id, "undo")));
    await presets.load();
  };
  inform(say("deleted", { name: row.name }), { label: text.undo, run: () => void undo() });
  await presets.load();
}
