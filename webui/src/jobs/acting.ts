// Doing something to jobs, and telling what came of it; what was dismissed can be taken back.
import { api } from "../core/api";
import { t } from "../core/strings";
import { complain, inform } from "../core/toast.svelte";
import type { ActionsDone } from "../core/types-jobs";
import type { JobAction } from "./view";

/** Do one thing to some jobs; gives the keys of those that took it. */
export async function actOn(keys: readonly string[], action: JobAction): Promise<string[]> {
  try {
    const done = await api.post<ActionsDone>("/jobs/actions", { keys, action });
    const refused = done.refused ?? {};
    const taken = keys.filter((key) => !(key in refused));
    tell(action, taken, Object.values(refused));
    return taken;
  } catch (error) {
    complain(error, t(`action_${action}`));
    return [];
  }
}

function tell(action: JobAction, taken: readonly string[], refused: readonly string[]): void {
  const parts = [t("action_done", { action: t(`action_${action}`), n: taken.length })];
  if (refused[0]) parts.push(t("action_refused", { n: refused.length, why: refused[0] }));
  const undo = { label: t("undo"), run: () => void actOn(taken, "restore") };
  inform(parts.join(". "), action === "dismiss" && taken.length > 0 ? undo : undefined);
}
