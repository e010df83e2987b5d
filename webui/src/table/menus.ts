// What can be done with rows of the table: context menus and the commands behind them.
import CircleUser from "@lucide/svelte/icons/circle-user-round";
import Copy from "@lucide/svelte/icons/copy";
import Download from "@lucide/svelte/icons/download";
import Droplet from "@lucide/svelte/icons/droplet";
import Image from "@lucide/svelte/icons/image";
import Layers from "@lucide/svelte/icons/layers";
import ListChecks from "@lucide/svelte/icons/list-checks";
import Pencil from "@lucide/svelte/icons/pencil";
import Tags from "@lucide/svelte/icons/tags";
import Trash from "@lucide/svelte/icons/trash-2";
import Upload from "@lucide/svelte/icons/upload";
import { api, path, queryText } from "../core/api";
import { copyText } from "../core/clipboard";
import { openDialog } from "../core/dialogs.svelte";
import type { MenuItem } from "../core/menu.svelte";
import { navigate } from "../core/router.svelte";
import { may } from "../core/session.svelte";
import { t } from "../core/strings";
import { attempt, complain, inform } from "../core/toast.svelte";
import type { FileRow, Level, Operation, StudyRow, SubjectRow } from "../core/types";
import { canView, openFile } from "../core/viewing.svelte";
import IdentityDialog from "./IdentityDialog.svelte";
import { clearSelection, isChecked, selection } from "./selection.svelte";
import { loadFiles, type Row } from "./table.svelte";
import TagDialog from "./TagDialog.svelte";

const known = <T>(map: ReadonlyMap<string, T | null>): T[] =>
  [...map.values()].filter((row): row is T => row !== null);

/** The rows a command means: all checked of that kind if this one is among them, else only it. */
export function meant(row: Row): { files: FileRow[]; studies: StudyRow[]; subjects: SubjectRow[] } {
  const all = isChecked(row);
  return {
    files: row.kind !== "file" ? [] : all ? known(selection.files) : [row.file],
    studies: row.kind !== "study" ? [] : all ? known(selection.studies) : [row.study],
    subjects: row.kind !== "subject" ? [] : all ? known(selection.subjects) : [row.subject],
  };
}

export function downloadFile(file: FileRow): void {
  const link = document.createElement("a");
  link.href = file.content_url;
  link.download = file.name;
  link.click();
}

/** Double click or Enter on a file. */
export function showFile(file: FileRow): void {
  if (canView(file)) void openFile(file);
  else
    inform(t("cannot_view", { name: file.name }), {
      label: t("download"),
      run: () => downloadFile(file),
    });
}

/** Open the first image of a study. */
export async function showStudy(study: StudyRow): Promise<void> {
  const files = await loadFiles(study.id);
  const first = files.find((file) => file.kind === "image" && canView(file)) ?? files.find(canView);
  if (first) void openFile(first, "background");
}

async function undo(operation: number): Promise<void> {
  const done = await attempt(() => api.post(path("operations", operation, "undo")));
  if (done) inform(t("trash_undone"));
}

async function trash(row: Row): Promise<void> {
  const rows = meant(row);
  const ids = (list: { id: number }[]): number[] => list.map((one) => one.id);
  const body = { files: ids(rows.files), studies: ids(rows.studies), subjects: ids(rows.subjects) };
  const n = body.files.length + body.studies.length + body.subjects.length;
  const what = t(
    `selected_${row.kind === "study" ? "studies" : row.kind === "file" ? "files" : "subjects"}`,
    { n },
  );
  try {
    const done = await api.post<Operation>("/trash", body);
    if (isChecked(row)) clearSelection();
    const action = { label: t("undo"), run: () => void undo(done.operation_id) };
    inform(t("trash_done", { what }), action);
  } catch (error) {
    complain(error, t("trash"));
  }
}

export function editTags(row: Row): void {
  const rows = meant(row);
  const level: Level | null = row.kind === "note" ? null : row.kind;
  if (level)
    openDialog(TagDialog, { level, rows: [...rows.files, ...rows.studies, ...rows.subjects] });
}

export function trashRow(row: Row): void {
  if (row.kind !== "note" && may("editor")) void trash(row);
}

const tagItem = (row: Row): MenuItem => ({
  label: t("tags_edit"),
  icon: Tags,
  separate: true,
  disabled: !may("editor"),
  run: () => editTags(row),
});

const trashItem = (row: Row): MenuItem => ({
  label: t("trash"),
  icon: Trash,
  detail: "Del",
  danger: true,
  separate: true,
  disabled: !may("editor"),
  run: () => void trash(row),
});

function fileMenu(row: Row & { kind: "file" }): MenuItem[] {
  const { file } = row;
  const closed = !canView(file);
  return [
    {
      label: t("open_background"),
      icon: Image,
      disabled: closed,
      run: () => void openFile(file, "background"),
    },
    {
      label: t("open_overlay"),
      icon: Droplet,
      disabled: closed,
      run: () => void openFile(file, "overlay"),
    },
    {
      label: t("open_roi"),
      icon: Pencil,
      disabled: closed,
      run: () => void openFile(file, "labels"),
    },
    {
      label: t("download"),
      icon: Download,
      separate: true,
      disabled: !may("download"),
      run: () => meant(row).files.forEach(downloadFile),
    },
    { label: t("copy_path"), icon: Copy, run: () => void copyText(`${file.psid}/${file.path}`) },
    tagItem(row),
    trashItem(row),
  ];
}

const uploadTo = (subject: string, study: string): void =>
  navigate(`/upload${queryText({ subject, study })}`);

function studyMenu(row: Row & { kind: "study" }): MenuItem[] {
  const { study } = row;
  return [
    { label: t("open_images"), icon: Layers, run: () => void showStudy(study) },
    {
      label: t("show_jobs"),
      icon: ListChecks,
      run: () => navigate(`/jobs${queryText({ search: study.psid, state: "all" })}`),
    },
    {
      label: t("upload_here"),
      icon: Upload,
      disabled: !may("editor"),
      run: () => uploadTo(study.pid, study.sid),
    },
    { label: t("copy_code"), icon: Copy, run: () => void copyText(study.psid) },
    identityItem(study.subject_id, study.pid),
    tagItem(row),
    trashItem(row),
  ];
}

const identityItem = (id: number, pid: string): MenuItem => ({
  label: t("reveal"),
  icon: CircleUser,
  disabled: !may("deanonym"),
  run: () => openDialog(IdentityDialog, { id, pid }),
});

function subjectMenu(row: Row & { kind: "subject" }): MenuItem[] {
  const { subject } = row;
  return [
    {
      label: t("upload_subject"),
      icon: Upload,
      disabled: !may("editor"),
      run: () => uploadTo(subject.pid, ""),
    },
    { label: t("copy_pid"), icon: Copy, run: () => void copyText(subject.pid) },
    identityItem(subject.id, subject.pid),
    tagItem(row),
    trashItem(row),
  ];
}

export function rowMenu(row: Row): MenuItem[] {
  if (row.kind === "file") return fileMenu(row);
  if (row.kind === "study") return studyMenu(row);
  return row.kind === "subject" ? subjectMenu(row) : [];
}
