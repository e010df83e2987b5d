// What the jobs page shows and does, as plain values.
import { secondsBetween } from "../core/format";
import type { StringKey } from "../core/strings";
import type { JobRow } from "../core/types-jobs";

export type JobAction =
  "cancel" | "hold" | "release" | "suspend" | "resume" | "retry" | "dismiss" | "restore";

export const ACTIONS: JobAction[] = [
  "retry",
  "hold",
  "release",
  "suspend",
  "resume",
  "restore",
  "dismiss",
  "cancel",
];

/** Waiting, running and failed: what still concerns somebody. */
export const OPEN = "qre";
export const DISMISSED = "dismissed";
export const SHOWN = [OPEN, "q", "r", "e", "d", "all", DISMISSED];

/** The letters of what is shown, of which some may have no job at all. */
export const lettersOf = (shown: string): string[] =>
  shown === DISMISSED ? [] : [...(shown === "all" ? "qredk" : shown)];

/** What an address asks to see; what makes no sense asks for the usual. */
export const shownOf = (asked: string | null, usual: string): string =>
  asked !== null && (SHOWN.includes(asked) || /^[qredk]+$/.test(asked)) ? asked : usual;

/** What is said when there is no job like that. */
export function emptyOf(
  shown: string,
  narrowed: boolean,
): { title: StringKey; text: StringKey | "" } {
  if (shown === DISMISSED && !narrowed) return { title: "jobs_empty_dismissed", text: "" };
  if (narrowed || ![OPEN, "all"].includes(shown)) return { title: "jobs_empty_filter", text: "" };
  if (shown === OPEN) return { title: "jobs_empty_open", text: "jobs_empty_open_text" };
  return { title: "jobs_empty", text: "jobs_empty_text" };
}

/** What `spec` holds for an import: its files counted by state and reason. */
export interface ImportFacts {
  kind: string;
  n_files: number;
  n_pending: number;
  size_bytes: number;
  reason: string;
  hint: string;
  studies: string[];
  files: { state: string; reason: string; hint: string; n: number }[];
}

type Row = Pick<JobRow, "batch_key" | "state" | "letter"> & {
  dismissed?: boolean;
  foreign?: boolean;
};

/** A job of somebody else on the cluster, which the appliance only sees. */
export const isForeign = (job: Row): boolean => job.foreign === true;

/** Jobs are always of a batch; what is of none is an arrival. */
export const isImport = (job: Row): boolean => job.batch_key === null && !isForeign(job);

/** Stopped, but not because anything broke: a person has to look at it. */
export const needsPerson = (job: Row): boolean =>
  isImport(job) && (job.state === "waiting" || job.state === "partial");

export const arrivalAddress = (key: string): string => `/arrivals?key=${encodeURIComponent(key)}`;

function actionsOfJob(state: string): JobAction[] {
  switch (state) {
    case "queued":
      return ["hold", "cancel"];
    case "held":
      return ["release", "cancel"];
    case "running":
      return ["suspend", "cancel"];
    case "suspended":
      return ["resume", "cancel"];
    case "draft":
    case "starting":
      return ["cancel"];
    case "finishing":
      return [];
    default:
      return ["retry", "dismiss"];
  }
}

function actionsOfImport(letter: string): JobAction[] {
  if (letter === "e") return ["retry", "dismiss"];
  return letter === "d" ? ["dismiss"] : [];
}

/** Waiting jobs have a place in the order. */
export const mayReorder = (job: Row): boolean =>
  !isImport(job) && !isForeign(job) && (job.state === "queued" || job.state === "held");

/** What the icons of a row do: run it again, and take it away. */
export const quickActions = (job: Row): JobAction[] =>
  actionsFor(job).filter((action) => ["retry", "cancel", "dismiss", "restore"].includes(action));

/** What can be done to a job as it is now. */
export function actionsFor(job: Row): JobAction[] {
  if (isForeign(job)) return [];
  if (job.dismissed) return ["restore"];
  return isImport(job) ? actionsOfImport(job.letter) : actionsOfJob(job.state);
}

/** Jobs that ended may run again with other parameters or another script. */
export const mayEdit = (job: Row): boolean =>
  !isImport(job) && !isForeign(job) && !job.dismissed && actionsOfJob(job.state).includes("retry");

/** What jobs in these states may take, when they are not all here: by their letters. */
export function actionsForLetters(letters: string): JobAction[] {
  if (letters === DISMISSED) return ["restore"];
  const has = (letter: string): boolean => letters.includes(letter);
  const some: Partial<Record<JobAction, boolean>> = {
    retry: has("e") || has("k") || has("d"),
    hold: has("q"),
    release: has("q"),
    suspend: has("r"),
    resume: has("r"),
    dismiss: has("e") || has("k") || has("d"),
    cancel: has("q") || has("r"),
  };
  return ACTIONS.filter((action) => some[action]);
}

/** Whether jobs in these states may all be edited and run again. */
export const mayEditLetters = (letters: string): boolean => /^[edk]+$/.test(letters);

/** What at least one of several jobs takes. */
export const actionsForAll = (jobs: readonly Row[]): JobAction[] =>
  ACTIONS.filter((action) => jobs.some((job) => actionsFor(job).includes(action)));

/** Seconds a job has run so far, null before it started. */
export function elapsed(job: JobRow, now: number): number | null {
  if (job.wall_s !== null && job.ended_at) return job.wall_s;
  if (needsPerson(job)) return null;
  return job.started_at ? secondsBetween(job.started_at, job.ended_at, now) : null;
}
