// Menus of gridstats: of its columns, and of a row or several.
import { openMenuBelow, type MenuItem } from "../core/menu.svelte";
import { prefs, remember } from "../core/prefs.svelte";
import { may } from "../core/session.svelte";
import { t } from "../core/strings";
import type { JobRow } from "../core/types-jobs";
import { COLUMNS, columnLabel, USUAL } from "./columns";
import { actionsForAll, mayEdit, mayReorder, type JobAction } from "./view";

export function chooseColumns(event: MouseEvent): void {
  const now = prefs.jobColumns.length > 0 ? prefs.jobColumns : USUAL;
  const items = COLUMNS.map((column): MenuItem => ({
    label: columnLabel(column),
    checked: now.includes(column.id),
    run: () =>
      remember(
        "jobColumns",
        now.includes(column.id) ? now.filter((id) => id !== column.id) : [...now, column.id],
      ),
  }));
  items.push({
    label: t("columns_usual"),
    separate: true,
    run: () => remember("jobColumns", []),
  });
  openMenuBelow(event.currentTarget as HTMLElement, items, t("jobs_columns"));
}

interface Doing {
  open: (tab: string) => void;
  edit: () => void;
  act: (action: JobAction) => void;
  reorder: () => void;
}

/** What can be done to a row, or to all that are picked with it. */
export function rowMenu(all: readonly JobRow[], doing: Doing): MenuItem[] {
  const items: MenuItem[] = [
    { label: t("job_tab_log"), run: () => doing.open("log") },
    { label: t("job_tab_spec"), run: () => doing.open("spec") },
  ];
  if (!may("batch")) return items;
  if (all.every(mayEdit)) items.push({ label: `${t("edit_rerun")}…`, run: doing.edit });
  if (all.some(mayReorder)) items.push({ label: `${t("action_priority")}…`, run: doing.reorder });
  actionsForAll(all).forEach((action, i) =>
    items.push({
      label: t(`action_${action}`),
      danger: action === "cancel",
      separate: i === 0,
      run: () => doing.act(action),
    }),
  );
  return items;
}
