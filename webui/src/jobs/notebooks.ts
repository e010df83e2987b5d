// Notebooks: starting one, and opening it in a tab of its own, on the port where notebooks live.
import { api, path } from "../core/api";
import { t } from "../core/strings";
import { complain } from "../core/toast.svelte";

export interface Notebook {
  key: string;
  project: string;
  name: string;
  state: string;
  letter: string;
  why: string;
  created_at: string;
  port: number;
  path: string;
}
interface Limit {
  proposed: number;
  most: number;
}
export interface Notebooks {
  items: Notebook[];
  problem: string;
  queues: string[];
  hours: number;
  cpus: Limit;
  memory_mb: Limit;
  gpus: Limit;
}
export interface Wish {
  project: string;
  cpus: number;
  memory_mb: number;
  gpus: number;
  hours: number;
  queue: string;
}

/** Function of the jobs that are notebooks. */
export const NOTEBOOK = "notebook.lab";

/** Where a notebook is, seen from a page of ours. */
export function addressOf(notebook: { port: number; path: string }, here: URL): string {
  const url = new URL(notebook.path, here.origin);
  url.port = String(notebook.port);
  return url.href;
}

/**
 * Open a notebook that is still to be asked for. The tab is opened at once, while the browser still
 * knows that somebody clicked; otherwise it would be blocked.
 */
export async function openWhen(ask: () => Promise<Notebook>): Promise<Notebook> {
  const tab = window.open("about:blank", "_blank");
  try {
    const notebook = await ask();
    if (tab) tab.location.href = addressOf(notebook, new URL(location.href));
    else complain(new Error(t("notebook_blocked")));
    return notebook;
  } catch (error) {
    tab?.close();
    throw error;
  }
}

export const listNotebooks = (): Promise<Notebooks> => api.get<Notebooks>("/notebooks");
export const startNotebook = (wish: Wish): Promise<Notebook> =>
  api.post<Notebook>("/notebooks", wish);
export const debugJob = (key: string): Promise<Notebook> =>
  api.post<Notebook>(path("notebooks", "debug", key));

/** Whether a job is a notebook, by what it runs. */
export function isNotebook(job: { spec: unknown }): boolean {
  const spec = job.spec as { job?: { tool?: unknown } } | null;
  return spec?.job?.tool === NOTEBOOK;
}

/** Open the notebook that a job is, or a new one in which the job is debugged. */
export async function openFor(job: { key: string; spec: unknown }): Promise<void> {
  await openWhen(async () => {
    if (!isNotebook(job)) return debugJob(job.key);
    const found = (await listNotebooks()).items.find((one) => one.key === job.key);
    if (!found) throw new Error(t("notebook_ended"));
    return found;
  });
}
