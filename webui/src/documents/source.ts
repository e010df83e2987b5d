// Where a document comes from: the service, or a file of this computer that stays on it.
import { api, BASE, path } from "../core/api";
import { toApiError } from "../core/problem";
import type { FileRow } from "../core/types";
import { documentKind, type DocumentKind } from "./kinds";
import { localSheets, localTable } from "./localtable";
import type { TableSource } from "./wish";

export interface Doc {
  name: string;
  kind: DocumentKind | null;
  size: number;
  /** The row of the service; null for a file of this computer. */
  row: FileRow | null;
  /** Bytes from a place on; all of them without one. */
  bytes: (from?: number, to?: number, signal?: AbortSignal) => Promise<ArrayBuffer>;
  table: TableSource;
}

/** Where the bytes are: what a browser could run is given in a form in which it does not. */
const addressOf = (row: FileRow, kind: DocumentKind | null): string =>
  kind === "html" || kind === "pdf" || kind === "svg"
    ? BASE + path("pages", row.id, row.name)
    : row.content_url;

/** A document of the service. */
export function rowDoc(row: FileRow): Doc {
  const kind = documentKind(row.name);
  const url = addressOf(row, kind);
  const bytes: Doc["bytes"] = async (from, to, signal) => {
    const headers: Record<string, string> =
      from === undefined ? {} : { Range: `bytes=${from}-${(to ?? row.size_bytes) - 1}` };
    const init: RequestInit = { headers, credentials: "same-origin", signal: signal ?? null };
    const answer = await fetch(url, init);
    if (!answer.ok) throw await toApiError(answer, `GET ${url}`);
    return answer.arrayBuffer();
  };
  const table: TableSource = ({ columns, ...wish }, signal) =>
    api.get(path("tables", row.id), { ...wish, columns: columns?.join(",") }, signal);
  return { name: row.name, kind, size: row.size_bytes, row, bytes, table };
}

/** A document of this computer. */
export function fileDoc(file: File): Doc {
  let parsed: Promise<TableSource> | null = null;
  const table: TableSource = async (wish, signal) => {
    parsed ??= /\.xlsx$/i.test(file.name)
      ? Promise.resolve(localSheets(file.arrayBuffer()))
      : file.text().then((content) => localTable(content, file.name));
    return (await parsed)(wish, signal);
  };
  const bytes: Doc["bytes"] = (from = 0, to = file.size) => file.slice(from, to).arrayBuffer();
  return {
    name: file.name,
    kind: documentKind(file.name),
    size: file.size,
    row: null,
    bytes,
    table,
  };
}
