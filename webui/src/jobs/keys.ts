// NORA's keys of jobs and batches: Ctrl+D dismisses what failed, Ctrl+S keeps a batch.
import { untrack } from "svelte";
import { registerActions } from "../core/actions.svelte";
import { api } from "../core/api";
import { may } from "../core/session.svelte";
import { t } from "../core/strings";
import { complain, inform } from "../core/toast.svelte";
import type { Page } from "../core/types";
import type { JobRow } from "../core/types-jobs";
import { actOnAll } from "./acting";

type Where = Record<string, string | string[]>;

const FAILED = "e";
/** So many are named one by one, so that they can be brought back. */
const NAMED = 500;

export async function dismissFailed(where: Where): Promise<void> {
  const failed = { ...where, state: FAILED };
  try {
    const page = await api.get<Page<JobRow>>("/jobs", { ...failed, limit: NAMED });
    if (page.total === 0) return void inform(t("jobs_none_failed"));
    const all = page.total <= page.items.length;
    await actOnAll(all ? { keys: page.items.map(({ key }) => key) } : { where: failed }, "dismiss");
  } catch (error) {
    complain(error, t("jobs_dismiss_failed"));
  }
}

/** Bind the key while the page is there; `after` reads the list again. */
export const failedKey = (list: { where: () => Where; after: () => unknown }): (() => void) =>
  untrack(() =>
    registerActions([
      {
        id: "jobs.dismiss.failed",
        label: t("jobs_dismiss_failed"),
        context: "global",
        group: t("page_jobs"),
        keys: ["Ctrl+D"],
        enabled: () => may("batch"),
        run: () => void dismissFailed(list.where()).then(list.after),
      },
    ]),
  );

/** Inside the batch Ctrl+S means the batch, not the drawings. */
export const savedKey = (open: () => void): (() => void) =>
  registerActions([
    {
      id: "batch.saved",
      label: t("batch_saved_title"),
      context: "jobs",
      group: t("page_jobs"),
      keys: ["Ctrl+S"],
      run: open,
    },
  ]);
