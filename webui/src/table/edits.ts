// Changes of the catalog that the table offers, each with its Undo.
import { api, path } from "../core/api";
import { t } from "../core/strings";
import { attempt, complain, inform, type Toast } from "../core/toast.svelte";
import type { FileRow, Level, Schema, StudyRow, SubjectRow } from "../core/types";
import { loadTags } from "./table.svelte";

export type Labelled = FileRow | StudyRow | SubjectRow;

async function undo(operation: number): Promise<void> {
  const done = await attempt(() => api.post(path("operations", operation, "undo")), t("undo"));
  if (done) inform(t("undone"));
}

/** The button that takes an operation back. */
export function undoAction(operation: number | null): Toast["action"] {
  return operation === null ? undefined : { label: t("undo"), run: () => void undo(operation) };
}

/** Put tags on rows of one level and take others off; tells whether it worked. */
export async function changeTags(
  level: Level,
  rows: readonly Labelled[],
  change: { add?: string[]; remove?: string[] },
): Promise<boolean> {
  const ids = rows.map((row) => row.id);
  const body = { level, ids, add: change.add ?? [], remove: change.remove ?? [] };
  try {
    const done = await api.post<Schema["TagsChanged"]>("/tags", body);
    void loadTags();
    inform(t("tags_saved", { n: rows.length }), undoAction(done.operation_id ?? null));
    return true;
  } catch (error) {
    complain(error, t("tags_edit"));
    return false;
  }
}
