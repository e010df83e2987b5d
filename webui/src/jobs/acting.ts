// Doing something to jobs, and telling what came of it; what was dismissed can be taken back.
import { api } from "../core/api";
import { t } from "../core/strings";
import { complain, inform } from "../core/toast.svelte";
import type { Page } from "../core/types";
import type { ActionsDone, JobFilter, JobRow } from "../core/types-jobs";
import { isImport, type JobAction } from "./view";

/** Some jobs by their keys, or all that fit a filter. */
export type Chosen = { keys: readonly string[] } | { where: Partial<JobFilter> };

/** Jobs whose logs are looked through: those picked, or all that fit. Imports have no log. */
export function logsOf(
  picked: readonly JobRow[],
  all: Chosen,
  total: number,
): { chosen: Chosen; n: number } {
  const keys = picked.filter((job) => !isImport(job)).map((job) => job.key);
  return keys.length > 0 ? { chosen: { keys }, n: keys.length } : { chosen: all, n: total };
}

/** Those of some letters that a job has which fits a filter. */
export async function lettersAmong(
  where: Record<string, string | string[]>,
  letters: readonly string[],
): Promise<string> {
  const has = async (state: string): Promise<string> => {
    const page = await api.get<Page<JobRow>>("/jobs", { ...where, state, limit: 1 });
    return page.total > 0 ? state : "";
  };
  return (await Promise.all(letters.map(has))).join("");
}

/** Let waiting jobs start sooner or later. */
export async function prioritise(chosen: Chosen, priority: number): Promise<void> {
  try {
    const done = await api.post<ActionsDone>("/jobs/priority", { ...chosen, priority });
    const refused = done.refused ?? {};
    const [why] = Object.values(refused);
    const parts = [t("priority_done", { n: done.n })];
    if (why) parts.push(t("action_refused", { n: done.n_refused ?? 1, why }));
    inform(parts.join(". "));
  } catch (error) {
    complain(error, t("action_priority"));
  }
}

/** Do one thing to some jobs; gives the keys of those that took it. */
export async function actOn(keys: readonly string[], action: JobAction): Promise<string[]> {
  const refused = await actOnAll({ keys }, action);
  return refused ? keys.filter((key) => !(key in refused)) : [];
}

/** Do one thing to chosen jobs; gives what refused it and why, null when nothing was done. */
export async function actOnAll(
  chosen: Chosen,
  action: JobAction,
): Promise<Record<string, string> | null> {
  try {
    const done = await api.post<ActionsDone>("/jobs/actions", { ...chosen, action });
    const refused = done.refused ?? {};
    tell(chosen, action, done, refused);
    return refused;
  } catch (error) {
    complain(error, t(`action_${action}`));
    return null;
  }
}

function tell(
  chosen: Chosen,
  action: JobAction,
  done: ActionsDone,
  refused: Record<string, string>,
): void {
  const [why] = Object.values(refused);
  const n = done.n_refused ?? Object.keys(refused).length;
  const parts = [t("action_done", { action: t(`action_${action}`), n: done.n })];
  if (why) parts.push(t("action_refused", { n, why }));
  inform(parts.join(". "), action === "dismiss" && done.n > 0 ? undo(chosen, refused) : undefined);
}

/** Bring back what was dismissed: the same jobs, which are now among the dismissed ones. */
function undo(
  chosen: Chosen,
  refused: Record<string, string>,
): { label: string; run: () => void } | undefined {
  if (!("keys" in chosen)) return undefined;
  const keys = chosen.keys.filter((key) => !(key in refused));
  return { label: t("undo"), run: () => void actOn(keys, "restore") };
}
