// Names for studies that arguments may refer to: the user's and the project's variables.
import { api, path } from "../core/api";
import { session } from "../core/session.svelte";
import type { Variable } from "../core/types-jobs";

let known = $state.raw<Variable[]>([]);
let of = "";

export const places = {
  get variables(): Variable[] {
    return known;
  },
};

export async function loadVariables(): Promise<void> {
  const project = session.project;
  if (!project) return;
  const found = await api.get<{ items: Variable[] }>("/batches/variables", { project });
  if (project !== session.project) return;
  known = found.items;
  of = project;
}

/** Read them once for a project. */
export function wantVariables(): void {
  if (of !== session.project) void loadVariables().catch(() => undefined);
}

export async function setVariable(name: string, value: string, scope: string): Promise<void> {
  await api.put(path("batches", "variables", name), { value, scope }, { project: session.project });
  await loadVariables();
}

export async function forgetVariable(one: Variable): Promise<void> {
  const query = { project: session.project, scope: one.scope ?? "user" };
  await api.delete(path("batches", "variables", one.name), query);
  await loadVariables();
}
