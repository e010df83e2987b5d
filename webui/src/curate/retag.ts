// Renaming, merging and taking off tags of the project, with Undo in the message.
import { api, path } from "../core/api";
import { inProject } from "../core/session.svelte";
import { t } from "../core/strings";
import { attempt, complain, inform } from "../core/toast.svelte";
import type { Schema } from "../core/types";

export type TagTotal = Schema["TagTotal"];

export async function undo(operation: number): Promise<boolean> {
  const done = await attempt(
    () => api.post(path("operations", operation, "undo")),
    t("op_undo_failed"),
  );
  if (done) inform(t("op_undone_now"));
  return done;
}

/** Change tags everywhere in the project; `to` null takes them off. Tells whether it worked. */
export async function retag(rows: readonly TagTotal[], to: string | null): Promise<boolean> {
  const old = rows.map((row) => row.name);
  try {
    const done = await api.post<Schema["TagsChanged"]>(inProject("tags", "rename"), {
      names: old,
      to,
    });
    const { n, operation_id: operation } = done;
    const text =
      to === null
        ? t("retag_dropped", { what: old.map((name) => `“${name}”`).join(", "), n })
        : t("retag_done", { n });
    inform(
      text,
      operation === null ? undefined : { label: t("undo"), run: () => void undo(operation) },
    );
    return true;
  } catch (error) {
    complain(error, t(to === null ? "tags_drop" : "tag_rename"));
    return false;
  }
}
