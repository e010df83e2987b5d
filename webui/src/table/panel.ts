// The table's own menu: checking, folding and sorting.
import { api } from "../core/api";
import { t, type StringKey } from "../core/strings";
import type { MenuItem } from "../core/menu.svelte";
import { inProject } from "../core/session.svelte";
import { setQuery } from "../core/router.svelte";
import { attempt } from "../core/toast.svelte";
import type { FileRow, Page, StudyRow, SubjectRow } from "../core/types";
import { toQuery } from "./query";
import { checkOnly, clearSelection, selection } from "./selection.svelte";
import { foldAll, table } from "./table.svelte";

type Top = StudyRow | SubjectRow | FileRow;

/** Every row under the present filters, not only those that were scrolled past. */
async function allRows(): Promise<Top[]> {
  let rows: Top[] = [];
  let after: string | null = null;
  do {
    const query = { ...toQuery(table.filters), after, limit: 1000 };
    const page: Page<Top> = await api.get(inProject(table.filters.level), query);
    rows = [...rows, ...page.items];
    after = page.next;
  } while (after !== null);
  return rows;
}

const isIn = (row: Top): boolean =>
  "path" in row
    ? selection.files.has(String(row.id))
    : "psid" in row
      ? selection.studies.has(row.psid)
      : selection.subjects.has(row.pid);

const checkAll = (): Promise<boolean> => attempt(async () => checkOnly(await allRows()));
const invert = (): Promise<boolean> =>
  attempt(async () => checkOnly((await allRows()).filter((row) => !isIn(row))));

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
};

export function panelMenu(): MenuItem[] {
  const sorts = SORTS[table.filters.level] ?? [];
  return [
    { label: t("check_all"), detail: String(table.list.total), run: () => void checkAll() },
    { label: t("check_none"), disabled: selection.size === 0, run: clearSelection },
    { label: t("check_invert"), run: () => void invert() },
    { label: t("fold_all"), separate: true, disabled: table.opened.size === 0, run: foldAll },
    ...sorts.map(([sort, label], i): MenuItem => ({
      label: t("sort_by", { name: t(label).toLowerCase() }),
      checked: table.filters.sort === sort,
      separate: i === 0,
      run: () => setQuery({ sort }),
    })),
  ];
}
