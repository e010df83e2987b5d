// The batch that is being put together; panel and page show the same one.
import { api, path } from "../core/api";
import { session } from "../core/session.svelte";
import type {
  Argument,
  BatchBody,
  BatchDoc,
  BatchLaunched,
  BatchLevel,
  Choice,
  Decision,
  DryPiece,
  DryRow,
  DryRun,
  Language,
  SavedBatch,
  Tool,
} from "../core/types-jobs";
import { t } from "../core/strings";
import { byNeed, decided, sameCase, type Case } from "./dry";
import { rowsFor } from "./references";
import { draft, draftOfTool, fromSpec, toSpec, type Draft } from "./spec";

export type How = "split" | "free" | "subject" | "rows";

const memories = new Map<number, Map<string, Argument>>();

/** Everything about how a batch runs, as it is at first. */
const USUAL = {
  level: "study" as BatchLevel,
  how: "split" as How,
  rows: 1,
  immediate: false,
  skipDone: false,
  priority: 0,
  onError: "stop" as BatchBody["on_error"],
  /** "" where the tool or the project says. */
  queue: "",
};

export const batch = $state({
  name: "",
  /** Whether what was loaded is one's own. */
  isPrivate: false,
  ...USUAL,
  jobs: [] as Draft[],
  choices: [] as Choice[],
  dry: null as DryRun | null,
  launched: null as BatchLaunched | null,
});

export function addTool(tool: Tool): void {
  batch.jobs.push(draftOfTool(tool));
  if (batch.jobs.length === 1) batch.level = tool.level;
  reordered();
}

export function addCode(language: Language): void {
  const n = batch.jobs.filter((job) => job.language === language).length + 1;
  batch.jobs.push(draft({ name: `${language} ${n}`, language }));
  reordered();
}

/** New code: its references become rows, values that were typed come back. */
export function setCode(job: Draft, code: string): void {
  if (code === job.code) return;
  job.code = code;
  if (!job.language) return;
  const memory = memories.get(job.id) ?? new Map<string, Argument>();
  memories.set(job.id, memory);
  job.args = rowsFor(job.language, code, $state.snapshot(job.args) as Argument[], memory);
  touched();
}

export function removeJob(job: Draft): void {
  batch.jobs = batch.jobs.filter((one) => one.id !== job.id);
  reordered();
}

export function copyJob(job: Draft): void {
  const at = batch.jobs.findIndex((one) => one.id === job.id);
  batch.jobs.splice(at + 1, 0, draft($state.snapshot(job) as Draft));
  reordered();
}

/** Put a job before the one that is at a place now. */
export function moveJobTo(id: number, place: number): void {
  const from = batch.jobs.findIndex((one) => one.id === id);
  const to = from < place ? place - 1 : place;
  if (from < 0 || to === from || to < 0 || to >= batch.jobs.length) return;
  batch.jobs.splice(to, 0, ...batch.jobs.splice(from, 1));
  reordered();
}

export function moveJob(job: Draft, by: -1 | 1): void {
  const from = batch.jobs.findIndex((one) => one.id === job.id);
  moveJobTo(job.id, by < 0 ? from - 1 : from + 2);
}

/** What was tried no longer holds. */
export function touched(): void {
  batch.dry = null;
}

/** Decisions name jobs by their place. */
function reordered(): void {
  batch.choices = [];
  touched();
}

export function clearBatch(): void {
  Object.assign(batch, { name: "", isPrivate: false, ...USUAL, jobs: [], choices: [] });
  batch.dry = null;
  batch.launched = null;
}

const MODES: Record<How, Pick<BatchDoc, "mode" | "group">> = {
  split: { mode: "serial", group: "none" },
  free: { mode: "parallel", group: "none" },
  subject: { mode: "serial", group: "subject" },
  rows: { mode: "serial", group: "batch" },
};

export function howOf(doc: Partial<BatchDoc>): How {
  if (doc.mode === "parallel") return "free";
  return doc.group === "subject" ? "subject" : doc.group === "batch" ? "rows" : "split";
}

/** The batch without project and targets, as it is saved and exported. */
export function description(only?: number): BatchDoc {
  const now = $state.snapshot(batch) as typeof batch;
  return {
    level: now.level,
    ...MODES[now.how],
    n_groups: Math.max(1, now.rows),
    immediate: now.immediate,
    skip_done: now.skipDone,
    priority: now.priority,
    on_error: now.onError,
    queue: now.queue,
    choices: now.choices,
    jobs: now.jobs
      .map(toSpec)
      .map((job, i) => (only === undefined ? job : { ...job, enabled: now.jobs[i]!.id === only })),
  };
}

export function body(targets: readonly string[], dry_run: boolean, only?: number): BatchBody {
  const jobs = batch.jobs;
  const first = jobs.find((job) => (only === undefined ? job.enabled : job.id === only));
  return {
    project: session.project,
    name: batch.name.trim() || first?.name || "Batch",
    ...description(only),
    targets: [...targets],
    dry_run,
  };
}

const SHOW_MS = 300;

/** What each job would get, row by row as it is found; `told` hears how far it is. */
export async function tryBatch(
  targets: readonly string[],
  only: number | undefined,
  signal: AbortSignal,
  told: (n: number, total: number) => void,
): Promise<void> {
  const rows: DryRow[] = [];
  let piece: DryPiece | null = null;
  let shown = 0;
  const asked = body(targets, true, only);
  for await (piece of api.lines<DryPiece>("/batches/dry-run", asked, signal)) {
    rows.push(...piece.rows);
    told(piece.n, piece.total);
    if (piece.n < piece.total && performance.now() - shown < SHOW_MS) continue;
    shown = performance.now();
    batch.dry = { rows: byNeed(rows), total: piece.n, counts: piece.counts };
  }
  if (!piece || piece.n < piece.total) throw new Error(t("dry_ended"));
}

export async function launch(targets: readonly string[], only?: number): Promise<BatchLaunched> {
  const answer = await api.post<BatchLaunched>("/batches", body(targets, false, only));
  batch.launched = answer;
  return answer;
}

/** Decide a case of the dry run; null takes the decision back. */
export function decide(one: Case, what: Decision | null): void {
  const others = batch.choices.filter((choice) => !sameCase(choice, one));
  batch.choices = what === null ? others : [...others, decided(one, what)];
}

export async function listSaved(): Promise<SavedBatch[]> {
  const query = { project: session.project };
  return (await api.get<{ items: SavedBatch[] }>("/batches/saved", query)).items;
}

export async function saveBatch(name: string, isPrivate: boolean): Promise<void> {
  const query = { project: session.project, private: isPrivate ? "true" : "false" };
  await api.put(path("batches", "saved", name), description(), query);
  batch.name = name;
  batch.isPrivate = isPrivate;
}

export async function forgetBatch(saved: SavedBatch): Promise<{ operation_id: number }> {
  const query = { project: session.project, private: saved.private ? "true" : "false" };
  return api.delete(path("batches", "saved", saved.name), query);
}

export function loadDoc(name: string, doc: Partial<BatchDoc>, isPrivate = false): void {
  Object.assign(batch, {
    name,
    isPrivate,
    level: doc.level ?? USUAL.level,
    how: howOf(doc),
    rows: doc.n_groups ?? USUAL.rows,
    immediate: doc.immediate ?? false,
    skipDone: doc.skip_done ?? false,
    priority: doc.priority ?? 0,
    onError: doc.on_error ?? USUAL.onError,
    queue: doc.queue ?? USUAL.queue,
    choices: doc.choices ?? [],
    jobs: (doc.jobs ?? []).map(fromSpec),
  });
  batch.dry = null;
  batch.launched = null;
}

export const loadSaved = (saved: SavedBatch): void => loadDoc(saved.name, saved.doc, saved.private);
