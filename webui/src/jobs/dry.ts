// What a dry run found, counted and sorted by case, and what was decided about each.
import type { Choice, Decision, DryRow, Finding } from "../core/types-jobs";

/** A case to decide: without a study it stands for all of them. */
export interface Case {
  psid: string | null;
  job: number;
  arg: string;
  kind: Finding["kind"];
}

export interface CaseCount extends Case {
  /** Name of the job. */
  name: string;
  n: number;
  problem: boolean;
  choices: Decision[];
  /** What happens to all of them; null when it differs or nothing was decided. */
  chosen: Decision | null;
}

export const sameCase = (choice: Choice, one: Case): boolean =>
  (choice.psid ?? null) === one.psid &&
  choice.job === one.job &&
  choice.arg === one.arg &&
  choice.kind === one.kind;

export const decided = (one: Case, what: Decision): Choice => ({
  do: what,
  psid: one.psid,
  job: one.job,
  arg: one.arg,
  kind: one.kind,
});

export const caseOf = (row: DryRow, finding: Finding): Case => ({
  psid: row.psid,
  job: row.position,
  arg: finding.arg,
  kind: finding.kind,
});

/** What was decided for exactly this study and argument, or for all studies. */
export function decisionFor(choices: readonly Choice[], one: Case): Decision | null {
  const own = choices.find((choice) => sameCase(choice, one));
  const all = choices.find((choice) => sameCase(choice, { ...one, psid: null }));
  return (own ?? all)?.do ?? null;
}

/** Cases that many studies have in common, the most frequent first, problems before the rest. */
export function casesOf(rows: readonly DryRow[], choices: readonly Choice[]): CaseCount[] {
  const found = new Map<string, CaseCount>();
  for (const row of rows) {
    for (const finding of row.findings ?? []) {
      if (!finding.choices?.length && !finding.problem) continue;
      const one = { ...caseOf(row, finding), psid: null };
      const key = JSON.stringify([one.job, one.arg, one.kind]);
      const before = found.get(key);
      if (before) {
        before.n += 1;
        before.problem ||= finding.problem ?? false;
        continue;
      }
      found.set(key, {
        ...one,
        name: row.job,
        n: 1,
        problem: finding.problem ?? false,
        choices: [...(finding.choices ?? [])],
        chosen: decisionFor(choices, one),
      });
    }
  }
  return [...found.values()].sort((a, b) => Number(b.problem) - Number(a.problem) || b.n - a.n);
}

/** The jobs of a dry run by place, with how many rows of each need somebody. */
export function jobsOf(rows: readonly DryRow[]): { position: number; name: string; bad: number }[] {
  const found = new Map<number, { position: number; name: string; bad: number }>();
  for (const row of rows) {
    const one = found.get(row.position) ?? { position: row.position, name: row.job, bad: 0 };
    if (row.action === "problem") one.bad += 1;
    found.set(row.position, one);
  }
  return [...found.values()].sort((a, b) => a.position - b.position);
}

/** Arguments that any of these rows has or lacks, in the order of the job's rows. */
export function argsOf(rows: readonly DryRow[], order: readonly string[]): string[] {
  const found = new Set(rows.flatMap((row) => Object.keys(row.args)));
  for (const row of rows)
    for (const one of row.findings ?? []) if (order.includes(one.arg)) found.add(one.arg);
  return [
    ...order.filter((id) => found.has(id)),
    ...[...found].filter((id) => !order.includes(id)),
  ];
}

/** The last parts of a path; the whole is in the tooltip. */
export const tailOf = (path: string, parts = 2): string => path.split("/").slice(-parts).join("/");

const need = (row: DryRow): number =>
  row.action === "problem" ? 0 : row.action !== "run" || !row.findings?.length ? 2 : 1;

/** Rows that need somebody first, else as they came. */
export const byNeed = (rows: readonly DryRow[]): DryRow[] =>
  [...rows].sort((a, b) => need(a) - need(b));
