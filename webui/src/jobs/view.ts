// What the jobs page shows and does, as plain values.
import type { JobRow } from "../core/types-jobs";
import { secondsBetween } from "../core/format";

export type JobAction = "cancel" | "suspend" | "resume" | "retry" | "dismiss";

export const ACTIONS: JobAction[] = ["retry", "suspend", "resume", "dismiss", "cancel"];

/** Waiting, running and failed: what still concerns somebody. */
export const OPEN = "qre";
export const SHOWN = [OPEN, "q", "r", "e", "d", "all"];

/** Seconds a job has run so far, null before it started. */
export function elapsed(job: JobRow, now: number): number | null {
  if (job.wall_s !== null && job.ended_at) return job.wall_s;
  return job.started_at ? secondsBetween(job.started_at, job.ended_at, now) : null;
}
