// Unsaved markers in this browser's own database, so that a crash or a closed tab loses nothing.
import type { SavedAs, Study } from "./markers.svelte";
import type { SetData } from "./model";

export interface Draft {
  key: string;
  /** Whose it is: others who sign in on this computer do not see it. */
  login: string;
  name: string;
  source: string;
  /** Read from this computer: it stays out of links. */
  local?: boolean;
  study: Study | null;
  saved: SavedAs | null;
  sets: readonly SetData[];
  at: number;
}

const DATABASE = "nora-markers";
const STORE = "drafts";

function request<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error ?? new Error("The browser's storage failed."));
  });
}

let opened: Promise<IDBDatabase> | null = null;

function database(): Promise<IDBDatabase> {
  if (opened) return opened;
  const asked = indexedDB.open(DATABASE, 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "key" });
  opened = request(asked);
  return opened;
}

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  return (await database()).transaction(STORE, mode).objectStore(STORE);
}

export async function putDraft(draft: Draft): Promise<void> {
  // A copy as text: nothing reactive, and nothing that a database refuses.
  await request((await store("readwrite")).put(JSON.parse(JSON.stringify(draft))));
}

export async function dropDraft(key: string): Promise<void> {
  await request((await store("readwrite")).delete(key));
}

/** Drafts of a person, the newest first. */
export async function listDrafts(login: string): Promise<Draft[]> {
  const all = (await request((await store("readonly")).getAll())) as Draft[];
  return all.filter((draft) => draft.login === login).sort((a, b) => b.at - a.at);
}
