// What leaves the table: archives of files, CSV, names on the clipboard.
import { api, BASE, csrfHeaders } from "../core/api";
import { copyText } from "../core/clipboard";
import { bytes } from "../core/format";
import { toApiError } from "../core/problem";
import { inProject, session } from "../core/session.svelte";
import { t } from "../core/strings";
import { inform } from "../core/toast.svelte";
import type { FileRow, Schema, StudyRow, SubjectRow } from "../core/types";

export type Prepared = Schema["Download"];
export type TableRequest = Schema["TableRequest"];

export interface Wanted {
  files: FileRow[];
  studies: StudyRow[];
  subjects: SubjectRow[];
}

const ids = (rows: readonly { id: number }[]): number[] => rows.map((row) => row.id);

/** Save what an address gives; the browser shows its progress. */
export function save(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

/** Ask the service to make an archive ready; nothing is sent yet. */
export function prepareDownload(wanted: Wanted, pattern = ""): Promise<Prepared> {
  return api.post<Prepared>("/downloads", {
    project: session.project,
    files: ids(wanted.files),
    studies: ids(wanted.studies),
    subjects: ids(wanted.subjects),
    pattern,
  });
}

export function startDownload(made: Prepared): void {
  save(made.url, made.name);
  const facts = { name: made.name, n: made.n_files, size: bytes(made.size_bytes) };
  const missing = made.n_missing ? ` ${t("download_missing", { n: made.n_missing })}` : "";
  inform(t("download_started", facts) + missing);
}

/** One name per line: PID, PID#SID or PID#SID/path. */
export function namesOf(wanted: Wanted): string {
  return [
    ...wanted.subjects.map((row) => row.pid),
    ...wanted.studies.map((row) => row.psid),
    ...wanted.files.map((row) => `${row.psid}/${row.path}`),
  ].join("\n");
}

export async function copyNames(wanted: Wanted): Promise<void> {
  await copyText(namesOf(wanted));
}

const MOST_PATHS = 500;

/** Where files lie on the machine of the service, for scripts that run there. */
export async function copyAbsolute(files: readonly FileRow[]): Promise<void> {
  const some = files.slice(0, MOST_PATHS);
  const found = await api.post<{ items: Schema["Selected"][] }>("/select", {
    project: session.project,
    selector: [...new Set(some.map((file) => `"${file.path}"`))].join(" "),
    studies: [...new Set(some.map((file) => file.psid))],
  });
  const places = new Map(found.items.map((one) => [one.file_id, one.absolute_path]));
  await copyText(
    some
      .map((file) => places.get(file.id) ?? "")
      .filter(Boolean)
      .join("\n"),
  );
}

/** The CSV of rows, as a file of the browser's. */
export async function saveTable(wanted: Partial<TableRequest>): Promise<void> {
  const url = BASE + inProject("table");
  const response = await fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", ...csrfHeaders() },
    body: JSON.stringify(wanted),
  });
  if (!response.ok) throw await toApiError(response, `POST ${url}`);
  const named = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
  const address = URL.createObjectURL(await response.blob());
  save(address, named?.[1] ?? "table.csv");
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
