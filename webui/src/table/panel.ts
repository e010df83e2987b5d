// The table's own menus: what is checked, and what is shown.
import Bookmark from "@lucide/svelte/icons/bookmark";
import Columns from "@lucide/svelte/icons/columns-3";
import Download from "@lucide/svelte/icons/download";
import Images from "@lucide/svelte/icons/images";
import Settings from "@lucide/svelte/icons/settings-2";
import Sheet from "@lucide/svelte/icons/file-spreadsheet";
import Tags from "@lucide/svelte/icons/tags";
import type { Action } from "../core/actions.svelte";
import { api, isAbort } from "../core/api";
import { openDialog } from "../core/dialogs.svelte";
import type { MenuItem } from "../core/menu.svelte";
import { prefs } from "../core/prefs.svelte";
import { setQuery } from "../core/router.svelte";
import { inProject, may } from "../core/session.svelte";
import { t, type StringKey } from "../core/strings";
import { attempt } from "../core/toast.svelte";
import type { Level, Page } from "../core/types";
import ColumnsDialog from "./ColumnsDialog.svelte";
import ExportDialog from "./ExportDialog.svelte";
import { changeTags } from "./edits";
import { checked, download, openSheet } from "./menus";
import { listingOf, toQuery } from "./query";
import { reading } from "./reading.svelte";
import { checkOnly, clearSelection, selection } from "./selection.svelte";
import { setTable } from "./settings";
import TableSettings from "./TableSettings.svelte";
import { foldAll, reloadFiles, table, unfoldAll, type Top } from "./table.svelte";
import TagDialog from "./TagDialog.svelte";
import { copyNames } from "./take";
import { openView, views } from "./views.svelte";
import ViewsDialog from "./ViewsDialog.svelte";

/** Every row under the present filters, not only those that were scrolled past. */
async function allRows(): Promise<Top[]> {
  if (table.list.complete) return table.list.loaded();
  const level = listingOf(table.filters.level);
  const rows: Top[] = [];
  let after: string | null = null;
  const stop = reading.start(table.list.total);
  try {
    do {
      const query = { ...toQuery(table.filters), after, limit: 1000 };
      const page: Page<Top> = await api.get(inProject(level), query, stop.signal);
      for (const row of page.items) rows.push(row);
      reading.done(rows.length);
      after = page.next;
    } while (after !== null);
  } finally {
    reading.end();
  }
  return rows;
}

const isIn = (row: Top): boolean =>
  "path" in row
    ? selection.files.has(String(row.id))
    : "psid" in row
      ? selection.studies.has(row.psid)
      : selection.subjects.has(row.pid);

/** Check what a choice leaves of all rows; stopping it leaves the checks as they were. */
const checkOf = (keep: (row: Top) => boolean): Promise<boolean> =>
  attempt(async () => {
    try {
      checkOnly((await allRows()).filter(keep));
    } catch (error) {
      if (!isAbort(error)) throw error;
    }
  });
export const checkAll = (): Promise<boolean> => checkOf(() => true);
const invert = (): Promise<boolean> => checkOf((row) => !isIn(row));

/** The level of what is checked; null when nothing or several kinds are. */
function checkedLevel(): Level | null {
  const filled: [Level, number][] = [
    ["subject", selection.subjects.size],
    ["study", selection.studies.size],
    ["file", selection.files.size],
  ];
  const kinds = filled.filter(([, n]) => n > 0);
  return kinds.length === 1 ? (kinds[0]?.[0] ?? null) : null;
}

function checkedTags(): MenuItem[] {
  const level = checkedLevel();
  const wanted = checked();
  const rows = [...wanted.files, ...wanted.studies, ...wanted.subjects];
  const carried = [...new Set(rows.flatMap((row) => row.tags))];
  const closed = level === null || !may("editor");
  return [
    {
      label: t("tags_checked"),
      icon: Tags,
      separate: true,
      disabled: closed,
      run: () => level && openDialog(TagDialog, { level, rows }),
    },
    {
      label: t("tags_remove_all"),
      disabled: closed || carried.length === 0,
      run: () => level && void changeTags(level, rows, { remove: carried }),
    },
  ];
}

/** What is checked, and what is done with it (PROJ-x02). */
export function checkMenu(): MenuItem[] {
  const none = selection.size === 0;
  return [
    { label: t("check_all"), detail: "Ctrl+A", run: () => void checkAll() },
    { label: t("check_none"), disabled: none, run: clearSelection },
    { label: t("check_invert"), run: () => void invert() },
    { label: t("unfold_all"), separate: true, run: unfoldAll },
    { label: t("fold_all"), disabled: table.opened.size === 0, run: foldAll },
    ...checkedTags(),
    {
      label: t("download_some"),
      icon: Download,
      separate: true,
      disabled: none || !may("download"),
      run: () => download(checked()),
    },
    { label: t("copy_names"), disabled: none, run: () => void copyNames(checked()) },
    { label: t("sheet_open"), icon: Images, run: () => openSheet() },
  ];
}

const SORTS: Record<string, [string, StringKey][]> = {
  subjects: [["pid", "col_subject"]],
  studies: [
    ["-date", "col_date"],
    ["pid", "col_subject"],
    ["age", "col_person"],
    ["description", "col_description"],
  ],
  files: [
    ["path", "col_file"],
    ["kind", "col_kind"],
    ["-size", "col_size"],
  ],
  analysis: [
    ["-created", "sort_newest"],
    ["sid", "col_result"],
  ],
};

function viewItems(): MenuItem[] {
  const open = views.items.slice(0, 12);
  return [
    {
      label: t("views_open"),
      icon: Bookmark,
      separate: true,
      run: () => openDialog(ViewsDialog, {}),
    },
    ...open.map((view): MenuItem => ({ label: view.name, run: () => openView(view) })),
  ];
}

/** What is shown, and how (PROJ-x01). */
export function panelMenu(): MenuItem[] {
  const sorts = SORTS[table.filters.level] ?? [];
  return [
    { label: t("columns_open"), icon: Columns, run: () => openDialog(ColumnsDialog, {}) },
    {
      label: t("thumbnails"),
      checked: prefs.table.thumbnails,
      run: () => setTable({ thumbnails: !prefs.table.thumbnails }),
    },
    {
      label: t("matching_only"),
      checked: prefs.table.matchingOnly,
      run: () => {
        setTable({ matchingOnly: !prefs.table.matchingOnly });
        reloadFiles();
      },
    },
    {
      label: t("export_csv"),
      icon: Sheet,
      separate: true,
      run: () => openDialog(ExportDialog, {}),
    },
    ...viewItems(),
    ...sorts.map(([sort, label], i): MenuItem => ({
      label: t("sort_by", { name: t(label).toLowerCase() }),
      checked: table.filters.sort === sort,
      separate: i === 0,
      run: () => setQuery({ sort }),
    })),
    {
      label: t("table_settings"),
      icon: Settings,
      separate: true,
      run: () => openDialog(TableSettings, {}),
    },
  ];
}

/** The same for the command palette. */
export function panelActions(): Action[] {
  const action = (id: string, label: string, run: () => void): Action => ({
    id: `table.${id}`,
    label,
    context: "global",
    group: t("group_table"),
    run,
  });
  return [
    action("check_all", t("check_all"), () => void checkAll()),
    action("check_none", t("check_none"), clearSelection),
    action("columns", t("columns_open"), () => openDialog(ColumnsDialog, {})),
    action("csv", t("export_csv"), () => openDialog(ExportDialog, {})),
    action("views", t("views_open"), () => openDialog(ViewsDialog, {})),
    action("settings", t("table_settings"), () => openDialog(TableSettings, {})),
  ];
}
