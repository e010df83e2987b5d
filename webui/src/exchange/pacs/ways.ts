// How a search and a pull are done, beside what the archive's settings say (PACS-x02). Pure.
import { t } from "../../core/strings";
import type { Schema } from "../../core/types";

export interface Ways {
  /** Whether the rules of autoexecution run on what comes. */
  autoexec: boolean;
  /** Queue of their jobs; empty: that of each rule. */
  queue: string;
  /** Seconds between two queries, and after each series; null: as the node says. */
  findPause: number | null;
  movePause: number | null;
}

export const USUAL: Ways = { autoexec: true, queue: "", findPause: null, movePause: null };

const MOST_S = 3600;

/** What a field of seconds holds; null when it holds none. */
export function secondsOf(value: number | null | undefined): number | null {
  if (value === null || value === undefined || !Number.isFinite(value) || value < 0) return null;
  return Math.min(value, MOST_S);
}

/** What a search says of its pauses. */
export function searchWays(ways: Ways): Pick<Schema["PacsSearch"], "find_pause_s"> {
  return ways.findPause === null ? {} : { find_pause_s: ways.findPause };
}

type PullBody = Pick<Schema["PacsPullRequest"], "autoexec" | "autoexec_queue" | "move_pause_s">;

/** What a pull says; a queue counts only for rules that run, and for who may choose one. */
export function pullWays(ways: Ways, mayChoose: boolean): PullBody {
  return {
    autoexec: ways.autoexec,
    autoexec_queue: ways.autoexec && mayChoose ? ways.queue : "",
    ...(ways.movePause === null ? {} : { move_pause_s: ways.movePause }),
  };
}

/** What of a pull is not as usual, for the list of pulls. */
export function waysNote(
  pull: Pick<Schema["PacsPull"], "autoexec" | "autoexec_queue" | "move_pause_s">,
): string {
  const told: string[] = [];
  if (!pull.autoexec) told.push(t("pp_no_rules"));
  else if (pull.autoexec_queue) told.push(t("pp_queue", { queue: pull.autoexec_queue }));
  if (pull.move_pause_s !== null) told.push(t("pp_pause", { s: pull.move_pause_s }));
  return told.join(", ");
}

/** The queues to choose from: that of each rule first; none when there is nothing to choose. */
export function queueChoices(ways: Ways, queues: readonly string[], mayChoose: boolean): string[] {
  return ways.autoexec && mayChoose && queues.length > 0 ? ["", ...queues] : [];
}
