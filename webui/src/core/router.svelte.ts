// Real paths over the history API; every filter and selection lives in the query.

const state = $state({ path: "/", search: "", hash: "", home: "" });

const projectOf = (search: string): string | null => new URLSearchParams(search).get("project");

function read(): void {
  // NORA's address of the page.
  if (location.pathname === "/index.php")
    history.replaceState(null, "", `/${location.search}${location.hash}`);
  state.path = location.pathname;
  state.search = location.search;
  state.hash = location.hash;
  const project = projectOf(state.search);
  if (state.path === "/") state.home = state.search;
  else if (project && project !== projectOf(state.home)) state.home = patched("", { project });
}

const query = $derived(new URLSearchParams(state.search));
const home = $derived(new URLSearchParams(state.home));

export const router = {
  get path(): string {
    return state.path;
  },
  get hash(): string {
    return state.hash;
  },
  get query(): URLSearchParams {
    return query;
  },
  /** Query of the main screen; it keeps its filters and checks while another page is open. */
  get home(): URLSearchParams {
    return home;
  },
  /** First part of the path: "" for the desktop, "jobs", "arrivals", … */
  get page(): string {
    return state.path.split("/")[1] ?? "";
  },
  /** What follows the first part, e.g. the manual's page name. */
  get rest(): string {
    return decodeURIComponent(state.path.split("/").slice(2).join("/"));
  },
};

export type QueryPatch = Record<string, string | null | undefined>;

function patched(search: string, patch: QueryPatch): string {
  const params = new URLSearchParams(search);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null || value === undefined || value === "") params.delete(name);
    else params.set(name, value);
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

/** Go to a path of ours; the project stays, the main screen comes back as it was left. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  const url = new URL(to, location.origin);
  if (url.pathname === "/" && !url.search) url.search = state.home;
  const project = query.get("project");
  if (project && !url.searchParams.has("project")) url.searchParams.set("project", project);
  const target = url.pathname + url.search + url.hash;
  if (options.replace) history.replaceState(null, "", target);
  else if (target !== location.pathname + location.search + location.hash)
    history.pushState(null, "", target);
  read();
}

/** Change parts of the main screen's query, wherever we are. */
export function setHome(patch: QueryPatch): void {
  if (state.path === "/") setQuery(patch);
  else state.home = patched(state.home, patch);
}

/** Change parts of the query of the page we are on. */
export function setQuery(patch: QueryPatch, options: { push?: boolean } = {}): void {
  const search = patched(location.search, patch);
  if (search === location.search) return;
  const target = location.pathname + search + location.hash;
  if (options.push) history.pushState(null, "", target);
  else history.replaceState(null, "", target);
  read();
}

/** What one page asks of its address and changes in it; take it when the page is made. */
export interface PageQuery {
  get: (name: string) => string | null;
  set: (patch: QueryPatch, options?: { push?: boolean }) => void;
}

/** The query of the page we are on. Once it is left, it keeps what it had and changes nothing:
 * what a page still has under way is never about the next page's query. */
export function pageQuery(): PageQuery {
  const page = router.page;
  let last = query;
  const here = (): boolean => router.page === page;
  return {
    get: (name) => {
      if (here()) last = query;
      return last.get(name);
    },
    set: (patch, options) => {
      if (here()) setQuery(patch, options);
    },
  };
}

function plainLeftClick(event: MouseEvent): boolean {
  const modified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  return event.button === 0 && !modified && !event.defaultPrevented;
}

function followLink(event: MouseEvent): void {
  const link = (event.target as Element | null)?.closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || !plainLeftClick(event)) return;
  const ours = link.origin === location.origin && !link.pathname.startsWith("/api/");
  if (!ours || link.target || link.hasAttribute("download")) return;
  event.preventDefault();
  navigate(link.pathname + link.search + link.hash);
}

/** Start listening; returns what stops it. */
export function startRouter(): () => void {
  read();
  addEventListener("popstate", read);
  document.addEventListener("click", followLink);
  return () => {
    removeEventListener("popstate", read);
    document.removeEventListener("click", followLink);
  };
}
