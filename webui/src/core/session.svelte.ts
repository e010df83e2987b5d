// Who is signed in, what they may do, and which project is in front of them.
import { api, path, setCsrf } from "./api";
import { prefs, remember } from "./prefs.svelte";
import { ApiError } from "./problem";
import { router, setQuery } from "./router.svelte";
import type { Project, SessionInfo } from "./types";

const state = $state({
  info: null as SessionInfo | null,
  status: "unknown" as "unknown" | "in" | "out" | "failed",
  error: null as unknown,
  projects: [] as Project[],
  projectsLoaded: false,
  projectsError: null as unknown,
});

function accept(info: SessionInfo): void {
  setCsrf(info.csrf);
  state.info = info;
  state.status = "in";
  state.error = null;
}

/** Ask the service who we are. A 401 is an answer, anything else a failure to show. */
export async function loadSession(): Promise<void> {
  try {
    accept(await api.probe<SessionInfo>("GET", "/session"));
  } catch (error) {
    const signedOut = error instanceof ApiError && error.status === 401;
    state.status = signedOut ? "out" : "failed";
    state.error = signedOut ? null : error;
  }
}

export async function signIn(code: string): Promise<void> {
  await api.probe<SessionInfo>("POST", "/session", { code });
  await loadSession();
}

export async function signOut(): Promise<void> {
  await api.delete("/session");
  markSignedOut();
}

export function markSignedOut(): void {
  if (state.status === "in") state.status = "out";
}

export async function loadProjects(): Promise<void> {
  try {
    const answer = await api.get<{ items: Project[] }>("/projects");
    state.projects = answer.items;
    state.projectsError = null;
  } catch (error) {
    state.projectsError = error;
  } finally {
    state.projectsLoaded = true;
  }
}

export async function createProject(name: string): Promise<Project> {
  const project = await api.post<Project>("/projects", { name });
  await loadProjects();
  return project;
}

function pickProject(): string {
  const asked = router.query.get("project");
  if (asked) return asked;
  const names = state.projects.map((project) => project.name);
  const wishes = [prefs.project, state.info?.project_default ?? "", names[0] ?? ""];
  return wishes.find((name) => names.includes(name)) ?? "";
}

const current = $derived(pickProject());

export function chooseProject(name: string): void {
  remember("project", name);
  const none = { sel: null, focus: null, name: null, files: null, desc: null, tags: null };
  const more = { jobs: null, from: null, to: null, kind: null, cols: null };
  setQuery({ project: name, ...none, ...more }, { push: true });
}

export const session = {
  get info(): SessionInfo | null {
    return state.info;
  },
  get status(): "unknown" | "in" | "out" | "failed" {
    return state.status;
  },
  get error(): unknown {
    return state.error;
  },
  get projects(): Project[] {
    return state.projects;
  },
  get projectsLoaded(): boolean {
    return state.projectsLoaded;
  },
  get projectsError(): unknown {
    return state.projectsError;
  },
  /** Name of the project in front of the user. */
  get project(): string {
    return current;
  },
  get projectRow(): Project | undefined {
    return state.projects.find((project) => project.name === current);
  },
};

export type Right = "reader" | "editor" | "batch" | "download" | "deanonym" | "manage" | "admin";

/** Whether the user holds a right in this project; what they may not do is not offered. */
export function may(right: Right): boolean {
  const user = state.info?.user;
  if (!user) return false;
  if (user.is_admin) return true;
  const here = right === "admin" ? undefined : session.projectRow;
  return (here?.rights ?? user.rights).includes(right);
}

export const inProject = (...parts: (string | number)[]): string =>
  path("projects", current, ...parts);
