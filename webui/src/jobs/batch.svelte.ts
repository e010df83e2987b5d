// The batch that is being put together; panel and page show the same one.
import { api, path } from "../core/api";
import { session } from "../core/session.svelte";
import type {
  Argument,
  BatchBody,
  BatchLaunched,
  BatchLevel,
  DryRow,
  JobSpec,
  Language,
  Resources,
  SavedBatch,
  Tool,
} from "../core/types-jobs";
import { rowsFor } from "./references";

export interface Draft {
  id: number;
  name: string;
  tool: string | null;
  language: Language | null;
  code: string;
  args: Argument[];
  resources: Resources;
  strict: boolean;
  enabled: boolean;
  env: Record<string, string>;
  folded: boolean;
}

const DEFAULTS: Resources = { cpus: 1, memory_mb: 2048, gpus: 0, disk_mb: 0, walltime_s: null };

let last = 0;
const memories = new Map<number, Map<string, Argument>>();

export const batch = $state({
  name: "",
  level: "study" as BatchLevel,
  mode: "serial" as BatchBody["mode"],
  on_error: "stop" as BatchBody["on_error"],
  queue: "DPXproc",
  jobs: [] as Draft[],
  dry: null as DryRow[] | null,
  launched: null as BatchLaunched | null,
});

function draft(part: Partial<Draft>): Draft {
  last += 1;
  return {
    id: last,
    name: "",
    tool: null,
    language: null,
    code: "",
    args: [],
    resources: { ...DEFAULTS },
    strict: true,
    enabled: true,
    env: {},
    folded: false,
    ...part,
  };
}

export function addTool(tool: Tool): void {
  const args = tool.args.map((arg) => ({ ...arg }));
  const resources = { ...DEFAULTS, ...tool.resources };
  batch.jobs.push(draft({ name: tool.name, tool: tool.id, args, resources }));
  if (batch.jobs.length === 1) batch.level = tool.level;
  touched();
}

export function addCode(language: Language): void {
  const n = batch.jobs.filter((job) => job.language === language).length + 1;
  batch.jobs.push(draft({ name: `${language} ${n}`, language }));
  touched();
}

/** New code: its references become rows, values that were typed come back. */
export function setCode(job: Draft, code: string): void {
  job.code = code;
  if (!job.language) return;
  const memory = memories.get(job.id) ?? new Map<string, Argument>();
  memories.set(job.id, memory);
  job.args = rowsFor(job.language, code, $state.snapshot(job.args) as Argument[], memory);
  touched();
}

export function removeJob(job: Draft): void {
  batch.jobs = batch.jobs.filter((one) => one.id !== job.id);
  touched();
}

export function copyJob(job: Draft): void {
  const { id: _, ...rest } = $state.snapshot(job) as Draft;
  const at = batch.jobs.findIndex((one) => one.id === job.id);
  batch.jobs.splice(at + 1, 0, draft(rest));
  touched();
}

export function moveJob(job: Draft, by: number): void {
  const from = batch.jobs.findIndex((one) => one.id === job.id);
  const to = from + by;
  if (to < 0 || to >= batch.jobs.length) return;
  batch.jobs.splice(to, 0, ...batch.jobs.splice(from, 1));
  touched();
}

/** What was tried no longer holds. */
export function touched(): void {
  batch.dry = null;
}

export function clearBatch(): void {
  Object.assign(batch, { name: "", level: "study", mode: "serial", on_error: "stop", jobs: [] });
  batch.dry = null;
  batch.launched = null;
}

const number = (value: unknown): number | null =>
  value === "" || value === null || value === undefined ? null : Number(value);

function argument(arg: Argument): Argument {
  const value = arg.kind === "NUMERIC" ? number(arg.value) : (arg.value ?? null);
  return { ...arg, value };
}

/** A draft as the service takes it: only the fields it knows. */
export function toSpec(job: Draft): JobSpec {
  return {
    name: job.name.trim() || job.tool || job.language || "job",
    tool: job.tool,
    ...(job.language ? { language: job.language } : {}),
    code: job.code,
    args: job.args.map(argument),
    resources: job.resources,
    strict: job.strict,
    enabled: job.enabled,
    env: job.env,
  };
}

function fromSpec(spec: JobSpec): Draft {
  return draft({
    name: spec.name,
    tool: spec.tool ?? null,
    language: (spec.language as Language | undefined) ?? null,
    code: spec.code ?? "",
    args: spec.args.map((arg) => ({ ...arg })),
    resources: { ...DEFAULTS, ...spec.resources },
    strict: spec.strict ?? true,
    enabled: spec.enabled ?? true,
    env: spec.env ?? {},
    folded: true,
  });
}

export function body(targets: readonly string[], dry_run: boolean): BatchBody {
  const { name, level, mode, on_error, queue, jobs } = $state.snapshot(batch) as typeof batch;
  const first = jobs.find((job) => job.enabled);
  return {
    project: session.project,
    name: name.trim() || first?.name || "Batch",
    level,
    mode,
    on_error,
    queue,
    jobs: jobs.map(toSpec),
    targets: [...targets],
    dry_run,
  };
}

export async function tryBatch(targets: readonly string[]): Promise<void> {
  const answer = await api.post<{ rows: DryRow[] }>("/batches", body(targets, true));
  batch.dry = answer.rows;
}

export async function launch(targets: readonly string[]): Promise<BatchLaunched> {
  const answer = await api.post<BatchLaunched>("/batches", body(targets, false));
  batch.launched = answer;
  return answer;
}

export async function listSaved(): Promise<SavedBatch[]> {
  const query = { project: session.project };
  return (await api.get<{ items: SavedBatch[] }>("/batches/saved", query)).items;
}

export async function saveBatch(name: string): Promise<void> {
  const { name: _, level, mode, on_error, queue, jobs } = body([], false);
  await api.put(
    path("batches", "saved", name),
    { level, mode, on_error, queue, jobs },
    { project: session.project },
  );
  batch.name = name;
}

export async function forgetBatch(name: string): Promise<{ operation_id: number }> {
  return api.delete(path("batches", "saved", name), { project: session.project });
}

export function loadSaved(saved: SavedBatch): void {
  const doc = saved.doc;
  Object.assign(batch, {
    name: saved.name,
    level: doc.level ?? "study",
    mode: doc.mode ?? "serial",
    on_error: doc.on_error ?? "stop",
    queue: doc.queue ?? "DPXproc",
    jobs: (doc.jobs ?? []).map(fromSpec),
  });
  batch.dry = null;
  batch.launched = null;
}
