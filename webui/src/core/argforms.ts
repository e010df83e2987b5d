// Arguments of tools that have a form of their own instead of a line of text.
import type { Component } from "svelte";
import type { Argument } from "./types-jobs";

/** It changes the values of the arguments in their place and says so. */
type ArgumentForm = Component<{ args: Argument[]; onchange: () => void }>;

const forms = new Map<string, ArgumentForm>();

export function registerArgumentForm(tool: string, arg: string, form: ArgumentForm): void {
  forms.set(`${tool} ${arg}`, form);
}

export const argumentForm = (tool: string | null, arg: string): ArgumentForm | undefined =>
  forms.get(`${tool ?? ""} ${arg}`);
