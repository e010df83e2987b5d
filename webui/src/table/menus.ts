// What can be done with rows of the table: context menus and the commands behind them.
import CircleUser from "@lucide/svelte/icons/circle-user-round";
import Copy from "@lucide/svelte/icons/copy";
import Eye from "@lucide/svelte/icons/eye";
import GitFork from "@lucide/svelte/icons/git-fork";
import HardDrive from "@lucide/svelte/icons/hard-drive";
import Images from "@lucide/svelte/icons/images";
import TagIcon from "@lucide/svelte/icons/tag";
import Eraser from "@lucide/svelte/icons/eraser";
import Download from "@lucide/svelte/icons/download";
import Droplet from "@lucide/svelte/icons/droplet";
import Image from "@lucide/svelte/icons/image";
import Layers from "@lucide/svelte/icons/layers";
import ListChecks from "@lucide/svelte/icons/list-checks";
import FolderInput from "@lucide/svelte/icons/folder-input";
import RefreshCw from "@lucide/svelte/icons/refresh-cw";
import PenLine from "@lucide/svelte/icons/pen-line";
import Pencil from "@lucide/svelte/icons/pencil";
import Tags from "@lucide/svelte/icons/tags";
import Trash from "@lucide/svelte/icons/trash-2";
import Upload from "@lucide/svelte/icons/upload";
import { api, queryText } from "../core/api";
import { openDialog } from "../core/dialogs.svelte";
import type { MenuItem } from "../core/menu.svelte";
import { prefs } from "../core/prefs.svelte";
import { navigate } from "../core/router.svelte";
import { may, session } from "../core/session.svelte";
import { t } from "../core/strings";
import { attempt, complain, inform } from "../core/toast.svelte";
import type { FileRow, Operation, StudyRow } from "../core/types";
import { canView, openerOf, openFile, whenPlugged } from "../core/viewing.svelte";
import ProvenanceDialog from "../jobs/provenance/ProvenanceDialog.svelte";
import RecomputeDialog from "../jobs/provenance/RecomputeDialog.svelte";
import { fileItems } from "../tools/checkout/menu";
import { slideItems } from "../tools/tomography/menu";
import IdentityDialog from "./IdentityDialog.svelte";
import { checkRows, clearSelection, isChecked, selection } from "./selection.svelte";
import { changeTags, undoAction, type Labelled } from "./edits";
import EraseDialog from "./EraseDialog.svelte";
import DownloadDialog from "./DownloadDialog.svelte";
import RenameDialog from "./RenameDialog.svelte";
import { quickTags } from "./settings";
import { loadFiles, type Row } from "./table.svelte";
import TagDialog from "./TagDialog.svelte";
import { sendRows } from "../exchange/pushing";
import { leave, takeFile } from "../exchange/releasing";
import { copyAbsolute, copyNames, prepareDownload, startDownload, type Wanted } from "./take";

const known = <T>(map: ReadonlyMap<string, T | null>): T[] =>
  [...map.values()].filter((row): row is T => row !== null);

/** The rows a command means: all checked of that kind if this one is among them, else only it. */
export function meant(row: Row): Wanted {
  const all = isChecked(row);
  return {
    files: row.kind !== "file" ? [] : all ? known(selection.files) : [row.file],
    studies: row.kind !== "study" ? [] : all ? known(selection.studies) : [row.study],
    subjects: row.kind !== "subject" ? [] : all ? known(selection.subjects) : [row.subject],
  };
}

/** Everything that is checked, of every kind. */
export const checked = (): Wanted => ({
  files: known(selection.files),
  studies: known(selection.studies),
  subjects: known(selection.subjects),
});

const sizeOf = (wanted: Wanted): number =>
  wanted.files.length + wanted.studies.length + wanted.subjects.length;

export function downloadFile(file: FileRow): void {
  void takeFile(file.id);
}

/** One file as it is, several files as an archive; of studies one may ask for some files only. */
export function download(wanted: Wanted): void {
  const [only] = wanted.files;
  if (sizeOf(wanted) === 0) return;
  if (only && sizeOf(wanted) === 1) downloadFile(only);
  else if (wanted.studies.length + wanted.subjects.length > 0)
    openDialog(DownloadDialog, { wanted });
  else
    void attempt(async () => {
      const made = await prepareDownload(wanted);
      await leave(session.project, { way: "files", download: made.key }, () => startDownload(made));
    }, t("download"));
}

/** Double click or Enter on a file. */
export function showFile(file: FileRow): void {
  whenPlugged(() => showNow(file));
}

function showNow(file: FileRow): void {
  const opener = openerOf(file.name, file.kind);
  if (opener) opener.open(file);
  else if (canView(file)) void openFile(file);
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
    inform(t("trash_done", { what }), undoAction(done.operation_id));
  } catch (error) {
    complain(error, t("trash"));
  }
}

const rowsOf = (wanted: Wanted): Labelled[] => [
  ...wanted.files,
  ...wanted.studies,
  ...wanted.subjects,
];

export function editTags(row: Row): void {
  if (row.kind !== "note") openDialog(TagDialog, { level: row.kind, rows: rowsOf(meant(row)) });
}

/** One click puts a habitual tag on, or off where all carry it. */
function quickTagItems(row: Row): MenuItem[] {
  if (row.kind === "note" || !may("editor")) return [];
  const { kind } = row;
  const rows = rowsOf(meant(row));
  const names = kind === "file" ? quickTags(prefs.table.quickTags) : [];
  return names.map((name): MenuItem => {
    const all = rows.every((one) => one.tags.includes(name));
    return {
      label: t(all ? "tag_remove" : "tag_add", { name }),
      icon: TagIcon,
      run: () => void changeTags(kind, rows, all ? { remove: [name] } : { add: [name] }),
    };
  });
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

const renameItem = (row: Exclude<Row, { kind: "note" }>): MenuItem => ({
  label: t("rename_item"),
  icon: PenLine,
  disabled: !may("editor"),
  run: () => openDialog(RenameDialog, { row }),
});

const trashItem = (row: Row): MenuItem => ({
  label: t("trash"),
  icon: Trash,
  detail: "Del",
  danger: true,
  disabled: !may("editor"),
  run: () => void trash(row),
});

const eraseItem = (row: Row & { kind: "subject" }): MenuItem => ({
  label: t("erase_menu"),
  icon: Eraser,
  danger: true,
  disabled: !may("admin"),
  run: () => openDialog(EraseDialog, { project: session.project, code: row.subject.pid }),
});

function fileMenu(row: Row & { kind: "file" }): MenuItem[] {
  const { file } = row;
  const closed = !canView(file);
  const opener = openerOf(file.name, file.kind);
  return [
    ...(opener ? [{ label: opener.label, icon: Eye, run: () => void opener.open(file) }] : []),
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
      run: () => download(meant(row)),
    },
    sendRows(meant(row)),
    ...fileItems(file),
    ...slideItems(file),
    {
      label: t("prov_menu"),
      icon: GitFork,
      run: () => openDialog(ProvenanceDialog, { file: file.id }),
    },
    { label: t("copy_path"), icon: Copy, run: () => void copyNames(meant(row)) },
    {
      label: t("copy_absolute"),
      icon: HardDrive,
      run: () => void attempt(() => copyAbsolute(meant(row).files), t("copy_absolute")),
    },
    tagItem(row),
    ...quickTagItems(row),
    { ...renameItem(row), separate: true },
    trashItem(row),
  ];
}

const downloadItem = (row: Row): MenuItem => ({
  label: t("download_some"),
  icon: Download,
  separate: true,
  disabled: !may("download"),
  run: () => download(meant(row)),
});

/** The contact sheet of what is checked, or of this one study. */
export function openSheet(row?: Row): void {
  if (row && !isChecked(row)) checkRows([row]);
  navigate("/sheet");
}

/** What is out of date in studies or subjects, and a run of just that. */
function recomputeItem(row: Row): MenuItem {
  const { studies, subjects } = meant(row);
  const ids = (rows: { id: number }[]): number[] | undefined =>
    rows.length ? rows.map((one) => one.id) : undefined;
  const [kind, n] = studies.length ? ["studies", studies.length] : ["subjects", subjects.length];
  const what = t(kind === "studies" ? "selected_studies" : "selected_subjects", { n });
  return {
    label: t("prov_recompute_menu"),
    icon: RefreshCw,
    disabled: !may("batch"),
    run: () =>
      openDialog(RecomputeDialog, {
        project: session.project,
        what,
        studies: ids(studies),
        subjects: ids(subjects),
      }),
  };
}

const uploadTo = (subject: string, study: string): void =>
  navigate(`/upload${queryText({ subject, study })}`);

function studyMenu(row: Row & { kind: "study" }): MenuItem[] {
  const { study } = row;
  return [
    { label: t("open_images"), icon: Layers, run: () => void showStudy(study) },
    { label: t("sheet_open"), icon: Images, run: () => openSheet(row) },
    {
      label: t("show_jobs"),
      icon: ListChecks,
      run: () => navigate(`/jobs${queryText({ search: study.psid, state: "all" })}`),
    },
    recomputeItem(row),
    {
      label: t("upload_here"),
      icon: Upload,
      disabled: !may("editor"),
      run: () => uploadTo(study.pid, study.sid),
    },
    downloadItem(row),
    sendRows(meant(row)),
    { label: t("copy_code"), icon: Copy, run: () => void copyNames(meant(row)) },
    identityItem(study.subject_id, study.pid),
    tagItem(row),
    { ...renameItem(row), separate: true },
    {
      label: t("move_item"),
      icon: FolderInput,
      disabled: !may("editor"),
      run: () => openDialog(RenameDialog, { row, move: true }),
    },
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
    recomputeItem(row),
    downloadItem(row),
    { label: t("copy_pid"), icon: Copy, run: () => void copyNames(meant(row)) },
    identityItem(subject.id, subject.pid),
    tagItem(row),
    { ...renameItem(row), separate: true },
    trashItem(row),
    eraseItem(row),
  ];
}

export function rowMenu(row: Row): MenuItem[] {
  if (row.kind === "file") return fileMenu(row);
  if (row.kind === "study") return studyMenu(row);
  return row.kind === "subject" ? subjectMenu(row) : [];
}
