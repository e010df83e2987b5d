// Trying and starting the batch: what is under way, what failed, what to say when it runs.
import { isAbort } from "../core/api";
import { on } from "../core/events.svelte";
import { navigate } from "../core/router.svelte";
import { session } from "../core/session.svelte";
import { t } from "../core/strings";
import { inform } from "../core/toast.svelte";
import { selection } from "../table/selection.svelte";
import { batch, launch, tryBatch } from "./batch.svelte";

let busy = $state<"" | "try" | "run">("");
let last: "try" | "run" = "try";
let failure = $state.raw<unknown>(null);
let progress = $state.raw<{ n: number; of: number } | null>(null);
let stop = new AbortController();

export const working = {
  get busy(): "" | "try" | "run" {
    return busy;
  },
  /** How many rows of how many, while it is tried or submitted. */
  get progress(): { n: number; of: number } | null {
    return progress;
  },
  get failure(): unknown {
    return failure;
  },
  /** A dry run may be tried again by itself; nothing starts unasked. */
  get mayRetry(): boolean {
    return failure !== null && last === "try";
  },
  get targets(): string[] {
    return selection.targets;
  },
  get ready(): boolean {
    const some = selection.targets.length > 0 || batch.level === "project";
    return busy === "" && some && batch.jobs.some((job) => job.enabled);
  },
};

async function started(only?: number): Promise<void> {
  const made = await launch(selection.targets, only);
  const n = made.n_jobs;
  inform(t(n ? "batch_launched" : "batch_launched_none", { n }), {
    label: t("batch_see_jobs"),
    run: () => navigate(`/jobs?batch=${made.key}&state=all`),
  });
}

export async function work(kind: "try" | "run", only?: number): Promise<void> {
  if (busy) return;
  busy = last = kind;
  failure = progress = null;
  stop = new AbortController();
  const quiet = on("batch.submitting", (data) => {
    if (kind === "run" && data["owner"] === session.info?.user.login)
      progress = { n: Number(data["n"]), of: Number(data["of"]) };
  });
  const told = (n: number, of: number): void => void (progress = { n, of });
  try {
    if (kind === "try") await tryBatch(selection.targets, only, stop.signal, told);
    else await started(only);
  } catch (error) {
    if (!isAbort(error)) failure = error;
  } finally {
    quiet();
    busy = "";
    progress = null;
  }
}

/** End a dry run; what was found stays. */
export const stopTrying = (): void => stop.abort();
