// The link that is open, and what can be done with links.
import { untrack } from "svelte";
import { api, path } from "../../core/api";
import { copyText } from "../../core/clipboard";
import { navigate, router, setHome, setQuery } from "../../core/router.svelte";
import { session } from "../../core/session.svelte";
import { attempt, complain, inform } from "../../core/toast.svelte";
import type { FileRow, Items, Schema } from "../../core/types";
import { askOnRefusal } from "../../exchange/releasing";
import { restoreSelection, selectNamed } from "../../table/selection.svelte";
import { viewer } from "../../viewer";
import { barOf, DROPPED, presetCalls, readCall, targetOf, type Call } from "./calls";
import { pack, unpack, type Packed } from "./packing";
import { saveParts, showParts } from "./parts";
import { say, text } from "./strings";

export type LinkRow = Schema["LinkRow"];
type Shared = Omit<Schema["SharedLink"], "state" | "files"> & {
  state: Packed;
  files: (FileRow | null)[];
};

/** The word in an address that names a link, as in NORA. */
export const WORD = "sharelink";

let current = $state.raw<LinkRow | null>(null);

export const links = {
  /** The link that this view was opened from, or saved as. */
  get current(): LinkRow | null {
    return current;
  },
};

/** The address that people are given; the key in it opens nothing to who has no right. */
export const addressOf = (link: Pick<LinkRow, "key" | "project">): string => {
  const query = new URLSearchParams({ project: link.project, [WORD]: link.key });
  return `${location.origin}/?${query.toString()}`;
};

function tableQuery(): string {
  const query = new URLSearchParams(router.home);
  for (const name of [WORD, "call", "project", "focus"]) query.delete(name);
  return query.toString();
}

type Draft = { title: string; state: Packed; files: number[] };
const draft = (title: string): Draft => ({
  title,
  ...pack(viewer.serialize(), tableQuery(), saveParts()),
});

export const listLinks = async (): Promise<LinkRow[]> =>
  (await api.get<Items<LinkRow>>("/links", { project: session.project })).items;

/** Keep a view as a link; what tells who somebody is waits for a word, `then` follows either way. */
async function keep(
  project: string,
  send: () => Promise<LinkRow>,
  then: (made: LinkRow) => Promise<void> | void,
): Promise<void> {
  const go = async (): Promise<void> => {
    current = await send();
    await then(current);
  };
  try {
    await go();
  } catch (error) {
    await askOnRefusal(project, error, go);
  }
}

/** Keep this view as a link of one's own. */
export function share(title: string, then: (made: LinkRow) => void): Promise<void> {
  const [project, body] = [session.project, draft(title)];
  return keep(
    project,
    () => api.post<LinkRow>("/links", body, { project }),
    async (made) => {
      await copyText(addressOf(made));
      then(made);
    },
  );
}

/** Let the open link show this view from now on. */
export function overwrite(title: string, then: (made: LinkRow) => void): Promise<void> {
  const { key, rev, project } = current!;
  const body = { ...draft(title), rev };
  return keep(
    project,
    () => api.put<LinkRow>(path("links", key), body),
    (made) => {
      inform(text.changed);
      then(made);
    },
  );
}

export async function revoke(link: LinkRow, then: () => void): Promise<void> {
  const done = await api.delete<{ operation_id: number }>(path("links", link.key));
  if (current?.key === link.key) current = null;
  const undo = async (): Promise<void> => {
    await attempt(() => api.post(path("operations", done.operation_id, "undo")));
    then();
  };
  inform(say("revoked", { name: link.title || text.untitled }), {
    label: text.undo,
    run: () => void undo(),
  });
  then();
}

const TABLE = ["sel", "name", "files", "desc", "tags", "jobs", "from", "to", "kind", "cols"];

function restoreTable(table: string): void {
  const query = new URLSearchParams(table);
  const names = new Set([...TABLE, ...query.keys()]);
  setHome(Object.fromEntries([...names].map((name) => [name, query.get(name)])));
  restoreSelection();
}

/** Show what a link shows. */
export async function openLink(key: string): Promise<void> {
  try {
    const shared = await api.get<Shared>(path("links", key));
    current = shared.link;
    restoreTable(shared.state.table);
    const gone = shared.files.filter((file) => file === null).length;
    if (gone) tellMissing(gone, shared.missing);
    const restored = viewer.restore(unpack(shared.state, shared.files));
    await Promise.all([restored, showParts(shared.state.parts, shared.files)]);
  } catch (error) {
    complain(error, text.failed);
  }
}

function tellMissing(n: number, names: readonly string[]): void {
  const named = names.length ? `. ${say("missingNamed", { names: names.join(", ") })}` : "";
  inform(say("missing", { n }) + named);
}

async function openPreset(name: string): Promise<void> {
  try {
    if (!(await presetCalls.open?.(name))) inform(say("noPreset", { name }));
  } catch (error) {
    complain(error, name);
  }
}

function applyCall(call: Call): void {
  const target = targetOf(call);
  if (target) {
    setHome({ name: barOf(target), sel: null, level: null });
    selectNamed([target]);
  }
  if (call.preset) void openPreset(call.preset);
}

/** Do what a call in the address asks for; the call leaves the address at once, read or not. */
function takeCall(): void {
  const query = new URLSearchParams(router.query);
  if (!DROPPED.some((name) => query.has(name))) return;
  setQuery(Object.fromEntries(DROPPED.map((name) => [name, null])));
  try {
    const found = readCall(query);
    if (found?.secret) inform(text.secret);
    if (found?.call) applyCall(found.call);
  } catch {
    inform(text.badCall);
  }
}

/** Open the link that the address names, then and whenever it changes. */
export function followAddress(): void {
  let last = "";
  $effect.root(() => {
    $effect(() => {
      const key = router.page === "" ? (router.query.get(WORD) ?? "") : last;
      if (router.page === "") untrack(takeCall);
      if (key && key !== last) untrack(() => void openLink(key));
      last = key;
    });
  });
}

export function visit(link: LinkRow): void {
  const there = addressOf(link).slice(location.origin.length);
  if (location.pathname + location.search === there) void openLink(link.key);
  else navigate(there);
}
