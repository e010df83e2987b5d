// Autosave: what is not saved goes into this browser's database a moment after it has changed.
import { inform } from "../../core/toast.svelte";
import type { Draft } from "./drafts";
import { dropDraft } from "./drafts";
import { MarkerFile, markers, MarkerSet } from "./markers.svelte";
import type { SetData } from "./model";
import { keepDraft } from "./saving";
import { text } from "./strings";

const LATER_MS = 600;

let told = false;
/** The state of each file that is kept. */
const kept = new WeakMap<MarkerFile, readonly SetData[]>();

const stateOf = (file: MarkerFile): readonly SetData[] =>
  markers.setsOf(file).map(({ data }) => data);

function isKept(file: MarkerFile, state: readonly SetData[]): boolean {
  const known = kept.get(file);
  return known?.length === state.length && state.every((data, i) => data === known[i]);
}

async function keep(file: MarkerFile): Promise<void> {
  if (!markers.isDirty(file) || !markers.setsOf(file).length) return;
  const state = stateOf(file);
  try {
    await keepDraft(file);
    kept.set(file, state);
    const old = markers.replaces.get(file);
    if (old) {
      markers.replaces.delete(file);
      await dropDraft(old);
    }
  } catch {
    if (!told) inform(text.draftFailed);
    told = true;
  }
}

/** Watch every file as long as the page lives. */
export const startKeeping = (): (() => void) => $effect.root(keepDrafts);

function keepDrafts(): void {
  const timers = new Map<MarkerFile, ReturnType<typeof setTimeout>>();
  let known: readonly MarkerFile[] = [];
  $effect(() => {
    const { files } = markers;
    for (const file of files) {
      const state = stateOf(file);
      if (!markers.isDirty(file) || isKept(file, state)) continue;
      clearTimeout(timers.get(file));
      timers.set(
        file,
        setTimeout(() => void keep(file), LATER_MS),
      );
    }
    // Taken away on purpose: nothing to recover. Undo brings it back and keeps it again.
    for (const file of known) {
      if (files.includes(file)) continue;
      clearTimeout(timers.get(file));
      kept.delete(file);
      void dropDraft(file.key).catch(() => undefined);
    }
    known = files;
  });
}

/** Leaving with unsaved markers asks. */
export function askBeforeLeaving(): () => void {
  const ask = (event: BeforeUnloadEvent): void => {
    if (markers.dirty.some((file) => markers.setsOf(file).some((set) => set.data.points.length)))
      event.preventDefault();
  };
  addEventListener("beforeunload", ask);
  return () => removeEventListener("beforeunload", ask);
}

/** Bring a draft of an earlier visit back, as unsaved as it was. */
export function recover(draft: Draft): void {
  const file = new MarkerFile();
  file.study = draft.study;
  file.saved = draft.saved;
  file.source = draft.source;
  file.local = draft.local ?? false;
  markers.attach(draft.sets.map((data) => new MarkerSet(file, data)));
  markers.recovered = [...markers.recovered, draft.key];
  markers.replaces.set(file, draft.key);
}
