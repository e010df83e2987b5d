// One stream of server-sent events for the whole page; it heals by itself and says so.
import { BASE, api } from "./api";

export const TOPICS = [
  "files.changed",
  "studies.changed",
  "tags.changed",
  "stale.changed",
  "autorules.changed",
  "routes.changed",
  "forward.changed",
  "forwards.changed",
  "session.changed",
  "storage.changed",
  "receipt.changed",
  "job.changed",
  "batch.changed",
  "batch.submitting",
  "health.changed",
  "notification.changed",
  "projects.changed",
  "pulls.changed",
  "pushes.changed",
  "events.reset",
] as const;

export type Topic = (typeof TOPICS)[number] | "resync" | "back";
export type EventData = Record<string, unknown>;
type Listener = (data: EventData) => void;

const RETRY_MS = [1000, 2000, 5000, 10000];
// The service ends a stream now and then; the browser comes back before anybody needs to know.
const PATIENCE_MS = 4500;

const listeners = new Map<Topic, Set<Listener>>();
const state = $state({ status: "connecting" as "connecting" | "connected" | "lost", lostAt: 0 });

let source: EventSource | null = null;
let lastId = "";
let tries = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let doubt: ReturnType<typeof setTimeout> | undefined;

function emit(topic: Topic, data: EventData): void {
  for (const listener of [...(listeners.get(topic) ?? [])]) listener(data);
}

function parsed(text: string): EventData {
  try {
    return JSON.parse(text) as EventData;
  } catch {
    return {};
  }
}

function receive(topic: Topic, message: MessageEvent<string>): void {
  if (message.lastEventId) lastId = message.lastEventId;
  const data = parsed(message.data);
  emit(topic === "events.reset" ? "resync" : topic, data);
}

function opened(): void {
  const wasLost = state.status === "lost";
  clearTimeout(doubt);
  doubt = undefined;
  tries = 0;
  state.status = "connected";
  emit("back", {});
  if (wasLost) emit("resync", {});
}

function markLost(): void {
  state.lostAt = Date.now();
  state.status = "lost";
}

function failed(): void {
  doubt ??= setTimeout(markLost, PATIENCE_MS);
  if (source?.readyState !== EventSource.CLOSED) return;
  source = null;
  again();
}

/** A plain request first: it tells a signed-out session apart from a service that is away. */
function again(): void {
  const wait = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)];
  tries += 1;
  clearTimeout(timer);
  timer = setTimeout(() => {
    api.get("/session").then(connect, again);
  }, wait);
}

function connect(): void {
  stopEvents();
  const since = lastId ? `?since=${encodeURIComponent(lastId)}` : "";
  source = new EventSource(`${BASE}/events${since}`);
  source.onopen = opened;
  source.onerror = failed;
  for (const topic of TOPICS) {
    source.addEventListener(topic, (event) => receive(topic, event as MessageEvent<string>));
  }
}

export function startEvents(): void {
  if (!source) connect();
}

export function stopEvents(): void {
  clearTimeout(timer);
  source?.close();
  source = null;
}

/** Listen to a topic; returns what stops it. "resync" comes after a lost stream is back,
 * "back" each time the stream opens. */
export function on(topic: Topic | Topic[], listener: Listener): () => void {
  const topics = Array.isArray(topic) ? topic : [topic];
  for (const name of topics) {
    const set = listeners.get(name) ?? new Set<Listener>();
    listeners.set(name, set.add(listener));
  }
  return () => topics.forEach((name) => listeners.get(name)?.delete(listener));
}

/** Call at most once per `ms`, after things have calmed down; keeps what was collected. */
export function gather<T>(ms: number, act: (items: T[]) => void): (item: T) => void {
  let items: T[] = [];
  let pending: ReturnType<typeof setTimeout> | undefined;
  return (item) => {
    items.push(item);
    pending ??= setTimeout(() => {
      const collected = items;
      items = [];
      pending = undefined;
      act(collected);
    }, ms);
  };
}

export const stream = {
  get status(): "connecting" | "connected" | "lost" {
    return state.status;
  },
  get lostAt(): number {
    return state.lostAt;
  },
};
