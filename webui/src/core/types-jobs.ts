// Shapes of batches, jobs, tools and the service's own affairs.
import type { Letter } from "./types";

export type ArgumentKind = "FILE" | "OUT" | "PATHOUT" | "NUMERIC" | "STRING" | "LOGICAL" | "OPTION";
export type Language = "bash" | "python" | "matlab";
export type BatchLevel = "study" | "subject" | "project";
export type ArgumentValue = string | number | boolean | string[] | null;

export interface Argument {
  id: string;
  kind: ArgumentKind;
  label?: string;
  value?: ArgumentValue;
  studyref?: string;
  optional?: boolean;
  multiple?: boolean;
  choices?: string[];
  tags?: string[];
  flag?: string;
  minimum?: number | null;
  maximum?: number | null;
  help?: string;
}

export interface Resources {
  cpus: number;
  memory_mb: number;
  gpus: number;
  walltime_s?: number | null;
}

export interface Tool {
  id: string;
  menu: string;
  name: string;
  description: string;
  level: BatchLevel;
  args: Argument[];
  resources: Partial<Resources>;
}

export interface JobSpec {
  name: string;
  tool?: string | null;
  language?: string;
  code?: string;
  args: Argument[];
  resources?: Partial<Resources> | null;
  strict?: boolean;
  enabled?: boolean;
}

export interface BatchBody {
  project: string;
  name: string;
  level: BatchLevel;
  jobs: JobSpec[];
  queue: string;
  mode: "serial" | "parallel";
  on_error: "stop" | "continue";
  targets: string[];
  dry_run: boolean;
}

export interface DryRow {
  psid: string;
  job: string;
  args: Record<string, string[]>;
  problem: string | null;
}

export interface BatchLaunched {
  key: string;
  n_jobs: number;
  unresolved: { psid: string; job: string; problem: string }[];
}

export interface SavedBatch {
  name: string;
  doc: Partial<BatchBody>;
  updated_at: string;
}

export interface JobRow {
  key: string;
  batch_key: string | null;
  name: string;
  psid: string | null;
  project: string;
  state: string;
  letter: Letter;
  queue: string;
  attempt: number;
  why: string;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  wall_s: number | null;
  cpus: number;
  memory_mb: number;
  gpus: number;
}

export interface JobDetail extends JobRow {
  spec: unknown;
  attempts: AttemptFacts[];
  files: JobFile[];
}

export interface AttemptFacts {
  n: number;
  state: string;
  code: number | null;
  why: string;
  started_at: string | null;
  ended_at: string | null;
  wall_s: number | null;
  cpu_s: number | null;
  max_rss_kb: number | null;
}

export interface JobFile {
  arg_id: string;
  direction: string;
  path: string;
  file_id: number | null;
}

export interface LogPart {
  text: string;
  offset: number;
  done: boolean;
}

export type CheckLevel = "ok" | "warning" | "error" | "unknown";

export interface Check {
  id: string;
  title: string;
  level: CheckLevel;
  text: string;
  hint: string;
  fix: { id: string; label: string } | null;
}

export interface Health {
  status: CheckLevel;
  checks: Check[];
  version: string;
  started_at: string;
}

export interface Backup {
  name: string;
  created_at: string;
  size_bytes: number;
  verified: boolean;
  version: string;
}

export interface Setting {
  key: string;
  value: unknown;
  source: string;
}

export interface Token {
  id: number;
  name: string;
  rights: string[];
  created_at: string;
  expires_at: string | null;
}

export interface TokenSecret {
  id: number;
  name: string;
  token: string;
}

export interface ManualPage {
  name: string;
  title: string;
}
