// Autosave: what is not saved goes into this browser's database a moment after it has changed.
import { untrack } from "svelte";
import { t } from "../../core/strings";
import { inform } from "../../core/toast.svelte";
import { viewer } from "../../viewer";
import { dropDraft } from "./drafts";
import type { Roi } from "./roi.svelte";
import { rois } from "./rois.svelte";
import { keepDraft } from "./saving";

const LATER_MS = 700;

let told = false;

/** Whether a draft of this state of a ROI is kept, for tests and for leaving. */
const kept = new WeakMap<Roi, number>();

async function keep(roi: Roi): Promise<void> {
  const at = roi.changes;
  try {
    await keepDraft(roi);
    kept.set(roi, at);
    const old = rois.replaces.get(roi);
    if (old) {
      rois.replaces.delete(roi);
      await dropDraft(old);
    }
  } catch {
    if (!told) inform(t("roi_draft_failed"));
    told = true;
  }
}

export const isKept = (roi: Roi): boolean => kept.get(roi) === roi.changes;

/** Watch every ROI as long as the page lives. */
export const startKeeping = (): (() => void) => $effect.root(keepDrafts);

function keepDrafts(): void {
  const timers = new Map<Roi, ReturnType<typeof setTimeout>>();
  let known: readonly Roi[] = [];
  $effect(() => {
    for (const roi of rois.list) {
      void roi.changes;
      if (!roi.dirty || isKept(roi)) continue;
      clearTimeout(timers.get(roi));
      timers.set(
        roi,
        setTimeout(() => void keep(roi), LATER_MS),
      );
    }
    // Deleted on purpose: nothing to recover. Undo makes it dirty and keeps it again.
    for (const roi of known)
      if (!rois.list.includes(roi)) {
        clearTimeout(timers.get(roi));
        kept.delete(roi);
        void dropDraft(roi.key).catch(() => undefined);
      }
    known = rois.list;
  });
  // Layers closed from a viewbar, and masks that were opened.
  $effect(() => {
    const { layers } = viewer;
    untrack(() => rois.follow(layers));
  });
}

/** Leaving with unsaved ROIs asks. */
export function askBeforeLeaving(): () => void {
  const ask = (event: BeforeUnloadEvent): void => {
    if (rois.dirty.length) event.preventDefault();
  };
  addEventListener("beforeunload", ask);
  return () => removeEventListener("beforeunload", ask);
}
