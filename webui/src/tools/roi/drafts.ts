// Unsaved ROIs in this browser's own database, so that a crash or a closed tab loses nothing.
import type { FileRow } from "../../core/types";
import type { Geometry, SavedAs } from "./roi.svelte";

export interface Draft {
  key: string;
  /** Whose it is: others who sign in on this computer do not see it. */
  login: string;
  name: string;
  geometry: Geometry;
  reference: FileRow | null;
  referenceName: string;
  subject: string;
  ownGrid: boolean;
  saved: SavedAs | null;
  /** Runs of the voxels that are on, by time point. */
  frames: Uint32Array[];
  colour: readonly [number, number, number];
  at: number;
}

const DATABASE = "nora-roi";
const STORE = "drafts";

function request<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error ?? new Error("The browser's storage failed."));
  });
}

let opened: Promise<IDBDatabase> | null = null;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "key" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error ?? new Error("The browser's storage failed."));
  });
  return opened;
}

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  return (await database()).transaction(STORE, mode).objectStore(STORE);
}

export async function putDraft(draft: Draft): Promise<void> {
  await request((await store("readwrite")).put(draft));
}

export async function dropDraft(key: string): Promise<void> {
  await request((await store("readwrite")).delete(key));
}

/** Drafts of a person, the newest first. */
export async function listDrafts(login: string): Promise<Draft[]> {
  const all = (await request((await store("readonly")).getAll())) as Draft[];
  return all.filter((draft) => draft.login === login).sort((a, b) => b.at - a.at);
}
