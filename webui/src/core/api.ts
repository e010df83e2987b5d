// The one place that talks HTTP to the service: JSON in, JSON out, typed errors.
import { ApiError, toApiError } from "./problem";

export const BASE = "/api/v1";

type QueryValue = string | number | boolean | readonly string[] | null | undefined;
export type Query = Record<string, QueryValue>;

let csrf = "";
let onSignedOut: () => void = () => undefined;

export function setCsrf(token: string): void {
  csrf = token;
}

export function whenSignedOut(action: () => void): void {
  onSignedOut = action;
}

export function queryText(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) value.forEach((one) => search.append(name, String(one)));
    else if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

/** Build a path from parts, each escaped: `path("projects", name, "studies")`. */
export function path(...parts: (string | number)[]): string {
  return "/" + parts.map((part) => encodeURIComponent(String(part))).join("/");
}

export function csrfHeaders(): Record<string, string> {
  return csrf ? { "X-CSRF-Token": csrf } : {};
}

interface Options {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  quiet401?: boolean;
}

async function send(method: string, where: string, options: Options): Promise<Response> {
  const url = BASE + where + queryText(options.query ?? {});
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") Object.assign(headers, csrfHeaders());
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (options.signal) init.signal = options.signal;
  if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(options.body);
  }
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(
      {
        detail: "The service cannot be reached",
        hint: "It may be restarting. This page goes on by itself once it is back.",
        key: "unreachable",
        status: 0,
      },
      `${method} ${url}`,
    );
  }
  if (response.status === 401 && !options.quiet401) onSignedOut();
  if (!response.ok) throw await toApiError(response, `${method} ${url}`);
  return response;
}

async function json<T>(method: string, where: string, options: Options = {}): Promise<T> {
  const response = await send(method, where, options);
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** Lines of JSON as they come; who aborts ends it at the service, too. */
async function* lines<T>(where: string, body: unknown, signal: AbortSignal): AsyncGenerator<T> {
  const response = await send("POST", where, { body, signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const found = (rest + piece.value).split("\n");
    rest = found.pop()!;
    for (const line of found) yield JSON.parse(line) as T;
  }
}

export const api = {
  lines,
  get: <T>(where: string, query: Query = {}, signal?: AbortSignal): Promise<T> =>
    json<T>("GET", where, signal ? { query, signal } : { query }),
  post: <T>(
    where: string,
    body: unknown = {},
    query: Query = {},
    signal?: AbortSignal,
  ): Promise<T> => json<T>("POST", where, signal ? { body, query, signal } : { body, query }),
  patch: <T>(where: string, body: unknown): Promise<T> => json<T>("PATCH", where, { body }),
  put: <T>(where: string, body: unknown, query: Query = {}): Promise<T> =>
    json<T>("PUT", where, { body, query }),
  delete: <T>(where: string, query: Query = {}): Promise<T> => json<T>("DELETE", where, { query }),
  blob: async (where: string, query: Query, signal: AbortSignal): Promise<Blob> =>
    (await send("GET", where, { query, signal })).blob(),
  text: async (where: string): Promise<string> => (await send("GET", where, {})).text(),
  /** As get/post, but a 401 is an answer here and does not lead to the sign-in page. */
  probe: <T>(method: "GET" | "POST", where: string, body?: unknown): Promise<T> =>
    json<T>(method, where, body === undefined ? { quiet401: true } : { quiet401: true, body }),
};

export const isAbort = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "AbortError";
