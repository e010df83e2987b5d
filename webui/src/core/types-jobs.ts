// Shapes of batches, jobs, tools and the service's own affairs.
import type { Letter, Schema } from "./types";

export type Argument = Partial<Schema["Argument"]> & Pick<Schema["Argument"], "id" | "kind">;
export type ArgumentKind = Argument["kind"];
export type ArgumentValue = Argument["value"];
export type Language = "bash" | "python" | "matlab";
export type BatchLevel = "study" | "subject" | "project";
export type Resources = Schema["Resources"];

export type Tool = Pick<
  Schema["ToolRow"],
  "id" | "menu" | "name" | "description" | "missing" | "queue"
> & {
  level: BatchLevel;
  args: Argument[];
  resources: Partial<Resources>;
};
export type JobSpec = Partial<Omit<Schema["JobSpec"], "args" | "resources">> & {
  name: string;
  args: Argument[];
  resources?: Partial<Resources> | null;
};
export type BatchBody = Required<
  Omit<Schema["BatchRequest"], "jobs" | "limit" | "description" | "format">
> & {
  jobs: JobSpec[];
};
/** A batch without what it runs on, as it is saved. */
export type BatchDoc = Omit<
  BatchBody,
  "project" | "name" | "targets" | "dry_run" | "description" | "format"
>;
export type OnError = "break" | "report" | "ignore";
export type Choice = Schema["Choice"];
export type Decision = Choice["do"];
export type Finding = Schema["Finding"];
export type StartedBatch = Schema["BatchRow"];
export type Variable = Schema["Variable"];
export type JobEdit = Schema["Edit"];
export type JobFilter = Schema["JobFilter"];

export type DryRow = Schema["DryRow"];
export type DryRun = Schema["DryRun"];
export type DryPiece = Omit<DryRun, "total" | "counts"> & {
  n: number;
  total: number;
  counts: Record<string, number>;
};
export type BatchLaunched = Schema["BatchAccepted"];
export type SavedBatch = Omit<Schema["SavedBatch"], "doc"> & { doc: Partial<BatchDoc> };
export type JobRow = Omit<Schema["JobRow"], "letter"> & { letter: Letter };
export type JobDetail = Omit<Schema["JobDetail"], "letter"> & { letter: Letter };
export type ActionsDone = Schema["JobActionsDone"];
export type LogPart = Schema["Log"];
export type LogHits = Schema["LogHits"];
export type OwnerCounts = Schema["OwnerCounts"];
export type AttemptFacts = Schema["AttemptFacts"];

export type CheckLevel = "ok" | "warning" | "error" | "unknown";
export type Check = Omit<Schema["Check"], "level"> & { level: CheckLevel };
export type Health = Omit<Schema["Health"], "checks"> & { checks: Check[] };
export type FixDone = Schema["FixDone"];
export type Backup = Schema["Backup"];
export type Setting = Schema["Setting"];
export type Token = Schema["Token"];
export type TokenSecret = Schema["TokenSecret"];
export type ManualPage = Schema["ManualPage"];
