// Saved views and statements of the project, as a menu: open one, delete one, save the present one.
import Bookmark from "@lucide/svelte/icons/bookmark";
import BookmarkPlus from "@lucide/svelte/icons/bookmark-plus";
import Trash2 from "@lucide/svelte/icons/trash-2";
import { api, path } from "../core/api";
import type { MenuItem } from "../core/menu.svelte";
import { may, session } from "../core/session.svelte";
import { t } from "../core/strings";
import { attempt, complain, inform } from "../core/toast.svelte";
import type { Items, Schema } from "../core/types";

export type SavedKind = "metaview" | "query";
export type Doc = Record<string, unknown>;

const TEXTS = {
  metaview: {
    none: "meta_view_none",
    save: "meta_view_save",
    saved: "meta_view_saved",
    drop: "meta_view_delete",
    dropped: "meta_view_deleted",
  },
  query: {
    none: "sql_saved_none",
    save: "sql_save",
    saved: "sql_saved",
    drop: "sql_delete",
    dropped: "sql_deleted",
  },
} as const;

export async function save(kind: SavedKind, name: string, doc: Doc): Promise<void> {
  await api.put(path("docs", kind, name), doc, { project: session.project });
  inform(t(TEXTS[kind].saved, { name }));
}

async function drop(kind: SavedKind, name: string, doc: Doc): Promise<void> {
  const project = { project: session.project };
  const done = await attempt(() => api.delete(path("docs", kind, name), project));
  if (!done) return;
  inform(t(TEXTS[kind].dropped, { name }), {
    label: t("undo"),
    run: () => void attempt(() => save(kind, name, doc)),
  });
}

export async function savedMenu(
  kind: SavedKind,
  use: (doc: Doc) => void,
  keep: () => void,
): Promise<MenuItem[]> {
  const texts = TEXTS[kind];
  let found: Schema["NamedDoc"][] = [];
  try {
    const query = { project: session.project };
    found = (await api.get<Items<Schema["NamedDoc"]>>(path("docs", kind), query)).items;
  } catch (error) {
    complain(error);
  }
  const open = found.map((one): MenuItem => ({
    label: one.name,
    icon: Bookmark,
    run: () => use(one.doc as Doc),
  }));
  if (open.length === 0) open.push({ label: t(texts.none), disabled: true });
  if (!may("editor")) return open;
  const gone = found.map((one, i): MenuItem => ({
    label: t(texts.drop, { name: one.name }),
    icon: Trash2,
    separate: i === 0,
    run: () => void drop(kind, one.name, one.doc as Doc),
  }));
  const more: MenuItem = {
    label: `${t(texts.save)}…`,
    icon: BookmarkPlus,
    separate: true,
    run: keep,
  };
  return [...open, more, ...gone];
}
