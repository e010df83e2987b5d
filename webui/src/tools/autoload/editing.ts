// Changes of the preset that is being edited; each shows the case in sight with it.
import type { Entry, Intent, Mark, Preset } from "./preset";
import { entryOf, MARKS } from "./preset";
import { auto } from "./state.svelte";
import { relaunch } from "./walking";

export type Kind = "image" | "overlay" | "roi" | "annotation";

export const kindOf = ({ intent }: Entry): Kind =>
  intent.annotation ? "annotation" : intent.roi ? "roi" : intent.overlay ? "overlay" : "image";

/** Numbers of the entries of a kind, as the list shows them. */
export const numbersOf = (preset: Preset, kind: Kind): number[] =>
  preset.entries.flatMap((entry, i) => (kindOf(entry) === kind ? [i] : []));

const INTENTS: Record<Kind, Partial<Intent>> = {
  image: {},
  overlay: { overlay: true },
  roi: { roi: true },
  annotation: { annotation: true },
};
const PATTERNS: Record<Kind, string> = {
  image: "*.nii",
  overlay: "*.nii",
  roi: "tag:mask",
  annotation: "tag:ANO",
};

function set(entries: Entry[]): void {
  auto.change({ entries });
  void relaunch();
}

export function addEntry(kind: Kind): void {
  set([...auto.preset.entries, entryOf(PATTERNS[kind], INTENTS[kind])]);
}

export function changeEntry(i: number, patch: Partial<Entry>): void {
  set(auto.preset.entries.map((entry, n) => (n === i ? { ...entry, ...patch } : entry)));
}

export function changeIntent(i: number, patch: Partial<Intent>): void {
  const entry = auto.preset.entries[i];
  if (entry) changeEntry(i, { intent: { ...entry.intent, ...patch } });
}

/** Entries that name the image of a new ROI by its number keep naming the same one. */
export function withoutEntry(entries: readonly Entry[], i: number): Entry[] {
  return entries
    .filter((_, n) => n !== i)
    .map((entry) => {
      const grid = entry.intent.autocreateroi;
      if (grid === null || grid < i) return entry;
      const autocreateroi = grid === i ? null : grid - 1;
      return { ...entry, intent: { ...entry.intent, autocreateroi } };
    });
}

export const removeEntry = (i: number): void => set(withoutEntry(auto.preset.entries, i));

function setMarks(marks: Mark[]): void {
  auto.change({ rating: { ...auto.preset.rating, marks } });
}

/** The usual ratings, to be changed. */
export const ownMarks = (): void => setMarks(MARKS.map((mark) => ({ ...mark })));

export function changeMark(i: number, patch: Partial<Mark>): void {
  setMarks(auto.preset.rating.marks.map((mark, n) => (n === i ? { ...mark, ...patch } : mark)));
}

export function addMark(): void {
  const { marks } = auto.preset.rating;
  const free = [..."123456789"].find((key) => marks.every((mark) => mark.key !== key));
  if (free) setMarks([...marks, { key: free, tag: `QC_${free}`, label: "", color: "#7aa7ff" }]);
}

export const removeMark = (i: number): void =>
  setMarks(auto.preset.rating.marks.filter((_, n) => n !== i));
