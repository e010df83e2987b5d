// What the dialog about a file asks and says. Words of answers become sentences here.
import { api, path } from "../../core/api";
import { session } from "../../core/session.svelte";
import { t, word } from "../../core/strings";
import type { Schema } from "../../core/types";

export type Lineage = Schema["Lineage"];
export type Making = Schema["Making"];
export type LineageFile = Schema["LineageFile"];
export type ReplayReport = Schema["ReplayReport"];
type Output = ReplayReport["outputs"] extends (infer One)[] | undefined ? One : never;

const ENDED_EVERY_MS = 700;

export const readLineage = (id: number): Promise<Lineage> =>
  api.get<Lineage>(path("files", id, "provenance"));

/** "in the trash", "changed since", "out of date", or nothing worth a word. */
export function stateOf(file: LineageFile): string {
  if (file.state && file.state !== "same") return word("prov_state", file.state);
  return file.stale ? t("prov_stale") : "";
}

/** The study only where it is another one. */
export const nameOf = (file: LineageFile, psid: string): string =>
  file.psid && file.psid !== psid ? `${file.psid} ${file.path}` : file.path;

/** Queue what is out of date behind a file; a sentence about it. */
export async function recompute(id: number): Promise<string> {
  const done = await api.post<Schema["RecomputePlan"]>("/recompute", {
    project: session.project,
    files: [id],
  });
  if ((done.n ?? 0) > 0) return t("prov_recompute_started", { n: done.n ?? 0 });
  const [why] = Object.values(done.refused);
  return t("prov_recompute_none", { why: why ?? t("prov_recompute_nothing") });
}

/** Start a replay and wait for its report; `alive` ends the waiting. */
export async function replay(id: number, alive: () => boolean): Promise<ReplayReport | null> {
  const { job_key: key } = await api.post<Schema["ReplayStarted"]>(
    path("files", id, "provenance", "replay"),
  );
  while (alive()) {
    const report = await api.get<ReplayReport>(path("jobs", key, "replay"));
    if (report.result !== "running") return report;
    await new Promise((resolve) => setTimeout(resolve, ENDED_EVERY_MS));
  }
  return null;
}

export function sayReport(report: ReplayReport): string {
  if (report.result === "equal") return t("prov_replay_equal");
  if (report.result === "differs") return t("prov_replay_differs");
  return t(report.result === "refused" ? "prov_replay_refused" : "prov_replay_broke", {
    text: report.text,
  });
}

/** One line for each output that is not the same. */
export function sayOutput(one: Output): string {
  const found: Record<string, unknown> = one.difference ?? {};
  const file = { path: one.path };
  const keys = found["keys"];
  if (typeof found["max_abs_difference"] === "number")
    return t("prov_replay_voxels", { ...file, max: String(found["max_abs_difference"]) });
  if (Array.isArray(keys) && keys.length > 0)
    return t("prov_replay_keys", { ...file, keys: keys.join(", ") });
  if (typeof found["first_byte"] === "number")
    return t("prov_replay_byte", { ...file, at: found["first_byte"] });
  return t("prov_replay_file", { ...file, result: one.note ? one.note : one.result });
}

/** Why jobs cannot run again, each reason once with how many it stops. */
export function refusals(refused: Record<string, string>): { why: string; n: number }[] {
  const found = new Map<string, number>();
  for (const why of Object.values(refused)) found.set(why, (found.get(why) ?? 0) + 1);
  return [...found].map(([why, n]) => ({ why, n }));
}
