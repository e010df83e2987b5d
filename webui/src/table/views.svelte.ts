// Saved views of the table: named documents of the project.
import { api, path } from "../core/api";
import { setHome } from "../core/router.svelte";
import { session } from "../core/session.svelte";
import { t } from "../core/strings";
import { attempt, inform } from "../core/toast.svelte";
import type { Items, Schema } from "../core/types";
import { viewPatch, viewState } from "./query";

export type View = Schema["NamedDoc"];

const KIND = "view";
let items = $state.raw<View[]>([]);

export const views = {
  get items(): View[] {
    return items;
  },
};

const isTable = (doc: unknown): doc is { table: unknown } =>
  typeof doc === "object" && doc !== null && "table" in doc;

export async function loadViews(): Promise<void> {
  const found = await api.get<Items<View>>(path("docs", KIND), { project: session.project });
  items = found.items.filter((view) => isTable(view.doc));
}

export async function saveView(name: string, params: URLSearchParams): Promise<void> {
  const doc = { table: viewState(params) };
  await api.put(path("docs", KIND, name), doc, { project: session.project });
  await loadViews();
}

export function openView(view: View): void {
  if (isTable(view.doc)) setHome(viewPatch(view.doc.table));
}

export async function deleteView(view: View): Promise<void> {
  const project = session.project;
  const done = await attempt(
    async () => {
      await api.delete(path("docs", KIND, view.name), { project });
      await loadViews();
    },
    t("view_delete", { name: view.name }),
  );
  if (!done) return;
  const back = async (): Promise<void> => {
    await api.put(path("docs", KIND, view.name), view.doc, { project });
    await loadViews();
  };
  inform(t("view_deleted", { name: view.name }), {
    label: t("undo"),
    run: () => void attempt(back),
  });
}
