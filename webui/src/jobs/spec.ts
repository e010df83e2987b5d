// A job while it is put together, and as the service takes and gives it.
import type { Argument, JobSpec, Language, OnError, Resources, Tool } from "../core/types-jobs";
import { VARARGIN } from "./references";

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
  folded: boolean;
  /** "" as the batch says. */
  onError: OnError | "";
  notify: boolean;
  keepLogs: boolean;
  /** Words separated by blanks or commas. */
  studyTags: string;
  environment: string;
  ignoreMissing: boolean;
  precall: string;
  outputFolder: string;
  /** "" as the batch says. */
  queue: string;
  /** Kept as it came: the queue says where a job runs, unless a file names another place. */
  adapter: string;
  /** Lines of NAME=value. */
  env: string;
  retries: number;
  /** After which ends it is tried again. */
  retryAfter: ("lost" | "memory" | "exit")[];
  memoryFactor: number;
}

export const DEFAULTS: Resources = {
  cpus: 1,
  memory_mb: 2048,
  gpus: 0,
  disk_mb: 0,
  walltime_s: null,
};

let last = 0;

export function draft(part: Partial<Draft>): Draft {
  last += 1;
  return {
    name: "",
    tool: null,
    language: null,
    code: "",
    args: [],
    resources: { ...DEFAULTS },
    strict: true,
    enabled: true,
    folded: false,
    onError: "",
    notify: false,
    keepLogs: false,
    studyTags: "",
    environment: "",
    ignoreMissing: false,
    precall: "",
    outputFolder: "",
    queue: "",
    adapter: "",
    env: "",
    retries: 0,
    retryAfter: ["lost", "memory"],
    memoryFactor: 1.5,
    ...part,
    id: last,
  };
}

export const draftOfTool = (tool: Tool): Draft =>
  draft({
    name: tool.name,
    tool: tool.id,
    args: tool.args.map((arg) => ({ ...arg })),
    resources: { ...DEFAULTS, ...tool.resources },
  });

export const words = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean);

/** "A=1" by line; what has no "=" is left out. */
export function readEnv(text: string): Record<string, string> {
  const pairs = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^[^=\s]+=/.test(line))
    .map((line): [string, string] => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    });
  return Object.fromEntries(pairs);
}

export const envText = (env: Record<string, string>): string =>
  Object.entries(env)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");

function argument(arg: Argument): Argument {
  const { value = null } = arg;
  if (arg.kind !== "NUMERIC" || arg.multiple) return { ...arg, value };
  return { ...arg, value: value === "" || value === null ? null : Number(value) };
}
const isGiven = (arg: Argument): boolean => arg.id !== VARARGIN || !!arg.value;

/** A draft as the service takes it: only the fields it knows. */
export function toSpec(job: Draft): JobSpec {
  return {
    name: job.name.trim() || job.tool || job.language || "job",
    tool: job.tool,
    ...(job.language ? { language: job.language } : {}),
    code: job.code,
    args: job.args.filter(isGiven).map(argument),
    resources: job.resources,
    strict: job.strict,
    enabled: job.enabled,
    env: readEnv(job.env),
    ...(job.onError ? { on_error: job.onError } : {}),
    notify: job.notify,
    keep_logs: job.keepLogs,
    study_tags: words(job.studyTags),
    environment: job.environment.trim(),
    ignore_missing: job.ignoreMissing,
    precall: job.precall,
    output_folder: job.outputFolder.trim(),
    queue: job.queue,
    adapter: job.adapter,
    ...(job.retries > 0
      ? {
          retry: {
            times: job.retries,
            after: job.retryAfter,
            memory_factor: job.memoryFactor,
          },
        }
      : {}),
  };
}

export function fromSpec(spec: JobSpec): Draft {
  return draft({
    name: spec.name,
    tool: spec.tool ?? null,
    language: spec.language ?? null,
    code: spec.code ?? "",
    args: (spec.args ?? []).map((arg) => ({ ...arg })),
    resources: { ...DEFAULTS, ...spec.resources },
    strict: spec.strict ?? true,
    enabled: spec.enabled ?? true,
    folded: true,
    onError: spec.on_error ?? "",
    notify: spec.notify ?? false,
    keepLogs: spec.keep_logs ?? false,
    studyTags: (spec.study_tags ?? []).join(" "),
    environment: spec.environment ?? "",
    ignoreMissing: spec.ignore_missing ?? false,
    precall: spec.precall ?? "",
    outputFolder: spec.output_folder ?? "",
    queue: spec.queue ?? "",
    adapter: spec.adapter ?? "",
    env: envText(spec.env ?? {}),
    retries: spec.retry?.times ?? 0,
    retryAfter: (spec.retry?.after as Draft["retryAfter"] | undefined) ?? ["lost", "memory"],
    memoryFactor: spec.retry?.memory_factor ?? 1.5,
  });
}

/** What of a job's options differs from the usual, for the line that hides them. */
export function unusual(job: Draft): number {
  const plain = draft({});
  const keys = [
    "strict",
    "onError",
    "notify",
    "keepLogs",
    "studyTags",
    "environment",
    "ignoreMissing",
    "precall",
    "outputFolder",
    "queue",
    "adapter",
    "env",
    "retries",
  ] as const;
  return keys.filter((key) => job[key] !== plain[key]).length;
}
