// Rules of autoexecution as the page works with them.
import type { Schema } from "../core/types";

export type AutoRule = Required<Schema["AutoRule"]>;
export type AutoRuleRow = Omit<Schema["AutoRuleRow"], "rule"> & { rule: AutoRule };
export type AutoFiring = Schema["AutoFiring"];
export type Tried = Schema["RuleTried"];
export type Verdict = Schema["Verdict"];
export interface SavedName {
  name: string;
  private: boolean;
}

/** A rule that is open in the form, as it was then. */
export interface Edited {
  name: string;
  rule: AutoRule;
  known: boolean;
}
/** What was typed into the form since. */
export interface AutoDraft {
  edited: Edited;
  title: string;
  rule: AutoRule;
}

export const LEVELS: AutoRule["level"][] = ["", "study", "subject"];

/** What a new rule says before anybody has changed it. */
export const freshRule = (batch: string, own: boolean): AutoRule => ({
  batch,
  private: own,
  queue: "",
  level: "",
  requires: "",
  done: "",
  quiet_minutes: 2,
  min_files: 1,
  chunk: 50,
  routed: false,
  enabled: true,
});

/** One value for a saved batch in a list of choices: names of one's own and of all may be equal. */
export const choiceOf = (saved: SavedName): string =>
  `${saved.private ? "own" : "all"}:${saved.name}`;

/** The saved batch that a choice names. */
export const savedOf = (choice: string): SavedName => ({
  name: choice.slice(4),
  private: choice.startsWith("own:"),
});

/** A name that no rule has yet. */
export function freeName(wanted: string, taken: readonly string[]): string {
  const used = new Set(taken.map((name) => name.toLowerCase()));
  let name = wanted || "rule";
  for (let n = 2; used.has(name.toLowerCase()); n++) name = `${wanted || "rule"} ${n}`;
  return name;
}

/** The studies that a rule took, as they are named when it is run on them. */
export const taken = (tried: Tried): string[] =>
  tried.rows.filter((row) => row.action === "run").map((row) => row.psid);

/** The batches that were started, each once. */
export const batchesOf = (rows: readonly Verdict[]): string[] => [
  ...new Set(rows.flatMap((row) => row.batch_key ?? [])),
];
