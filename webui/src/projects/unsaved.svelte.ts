// What was typed into the settings of a project and is not saved: kept while other pages are open.
import { untrack } from "svelte";
import { SvelteMap } from "svelte/reactivity";
import { session } from "../core/session.svelte";

const drafts = new SvelteMap<string, SvelteMap<string, unknown>>();

/** What was typed into the form of a tab; undefined when nothing is open there. */
export function draftOf<T>(project: string, tab: string): T | undefined {
  return drafts.get(project)?.get(tab) as T | undefined;
}

/** Tabs of a project that hold something unsaved. */
export function unsavedTabs(project: string): string[] {
  return [...(drafts.get(project)?.keys() ?? [])];
}

/** Keep what a form holds; undefined: it holds nothing that is not saved. */
export function keepDraft(project: string, tab: string, value: unknown): void {
  untrack(() => put(project, tab, value)); // a form keeps what it holds, whatever others keep
}

function put(project: string, tab: string, value: unknown): void {
  const known = drafts.get(project);
  if (value === undefined) {
    known?.delete(tab);
    if (known?.size === 0) drafts.delete(project);
  } else if (known) known.set(tab, value);
  else drafts.set(project, new SvelteMap([[tab, value]]));
  if (drafts.size) addEventListener("beforeunload", ask);
  else removeEventListener("beforeunload", ask);
}

export function dropDrafts(project: string): void {
  for (const tab of unsavedTabs(project)) keepDraft(project, tab, undefined);
}

/** Closing the window asks; who signs out is not kept. */
function ask(event: BeforeUnloadEvent): void {
  if (session.status === "in") event.preventDefault();
}
