// Directives of a form: found by words, and in groups as a person looks for them.
import type { DirectiveRow } from "../core/types";
import { directives as text } from "./strings";

/** Whether a row is what somebody looks for; all words must be somewhere in it. */
export function fits(row: DirectiveRow, find: string): boolean {
  const all = `${row.key} ${row.label} ${row.help} ${row.value}`.toLowerCase();
  return find
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

const STEPS: readonly (readonly [string, RegExp])[] = [
  [text.groups.series, /^setupset/],
  [text.groups.pixels, /\.(Preprocessing|eraser)\b/],
  [
    text.groups.following,
    /\.(Fiducials|BeadTracking|autofidseed|track|xcorr_pt|RAPTOR|PatchTracking|prenewst|xcorr)\b/,
  ],
  [text.groups.aligning, /\.(align|TiltAlignment)\b/],
  [text.groups.position, /\.(Positioning|tomopitch)\b/],
  [
    text.groups.stack,
    /\.(AlignedStack|golderaser|newst|ctfplotter|ctfphaseflip|mtffilter|CTFplotting)\b/,
  ],
  [text.groups.volume, /\.(tilt|Reconstruction|sirtsetup)\b/],
  [text.groups.axes, /\.(Combine|matchorwarp|solvematch)\b/],
];

export interface Group {
  name: string;
  rows: DirectiveRow[];
}

/** Rows in the order of the steps that they are of; what is of none comes last. */
export function groupsOf(rows: readonly DirectiveRow[]): Group[] {
  const names = [...STEPS.map(([name]) => name), text.groups.after];
  const groups = new Map(names.map((name) => [name, [] as DirectiveRow[]]));
  for (const row of rows) {
    const name = STEPS.find(([, pattern]) => pattern.test(row.key))?.[0] ?? text.groups.after;
    groups.get(name)?.push(row);
  }
  return [...groups].map(([name, some]) => ({ name, rows: some })).filter((g) => g.rows.length > 0);
}
