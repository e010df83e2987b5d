// Values of metadata columns, read for the studies in sight only and remembered.
import { api } from "../core/api";
import { inProject, session } from "../core/session.svelte";
import type { Schema } from "../core/types";
import type { Row } from "./table.svelte";

const MOST = 100;
const WAIT_MS = 40;

/** Text by "PID#SID" and key; null while it is on its way. */
let known = $state.raw<ReadonlyMap<string, string | null>>(new Map());
const asked = new Set<string>();
let waiting = new Map<string, Set<string>>();
let timer: ReturnType<typeof setTimeout> | undefined;

const cell = (psid: string, key: string): string => `${psid}\n${key}`;

/** How a value of JSON is written in a cell. */
export function metaText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(6)));
}

/** Several columns may fit one key with a wildcard: all their values, in order. */
export function valuesByStudy(
  found: Pick<Schema["MetaTable"], "columns" | "rows">,
): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [, subject, study, , ...cells] of found.rows as unknown[][]) {
    const text = cells.map(metaText).filter(Boolean).join(" · ");
    const psid = `${String(subject)}#${String(study)}`;
    const before = texts.get(psid);
    texts.set(psid, before && text ? `${before} · ${text}` : text || (before ?? ""));
  }
  return texts;
}

async function read(key: string, psids: string[]): Promise<void> {
  const project = session.project;
  const body = { columns: [key], studies: psids, limit: 2000 };
  const found = await api
    .post<Schema["MetaTable"]>(inProject("meta", "table"), body)
    .catch(() => ({ columns: [], rows: [] }));
  if (project !== session.project) return;
  const texts = valuesByStudy(found);
  const next = new Map(known);
  for (const psid of psids) next.set(cell(psid, key), texts.get(psid) ?? "");
  known = next;
}

function flush(): void {
  const questions = waiting;
  waiting = new Map();
  for (const [key, psids] of questions) {
    const all = [...psids];
    for (let i = 0; i < all.length; i += MOST) void read(key, all.slice(i, i + MOST));
  }
}

/** Text of one value of a row's study; asks for it when it is not known yet. */
export function metaOf(row: Row, key: string): string {
  const psid = row.kind === "study" ? row.study.psid : row.kind === "file" ? row.file.psid : "";
  if (!psid || !key) return "";
  const id = cell(psid, key);
  const text = known.get(id);
  if (text === undefined && !asked.has(id)) {
    asked.add(id);
    waiting.set(key, (waiting.get(key) ?? new Set()).add(psid));
    clearTimeout(timer);
    timer = setTimeout(flush, WAIT_MS);
  }
  return text ?? "";
}

/** Another project, or files that have changed: ask again. */
export function forgetMeta(): void {
  asked.clear();
  waiting = new Map();
  known = new Map();
}
