// What the autoloader follows: the project, the checks of the table, its own state, and addresses.
import { untrack } from "svelte";
import { registerActions, setMode } from "../../core/actions.svelte";
import { session } from "../../core/session.svelte";
import { selection } from "../../table/selection.svelte";
import { autoloadActions } from "./actions";
import { emptyPreset } from "./preset";
import { begin, launch, presets } from "./presets.svelte";
import { quality } from "./qc.svelte";
import { auto } from "./state.svelte";
import { followSelection, switchOff } from "./walking";

/** A call in an address names a preset: it is loaded on the case that the call has selected. */
export async function call(name: string): Promise<boolean> {
  const row = await presets.named(name);
  if (row) await launch(row);
  return row !== null;
}

/** Another project: nothing of the one before is loaded in it. */
function followProject(): void {
  let last = "";
  $effect(() => {
    const { project } = session;
    if (!project || project === last) return;
    const first = last === "";
    last = project;
    untrack(() => {
      if (!first) {
        switchOff();
        auto.use(emptyPreset(), null);
      }
      void begin();
    });
  });
}

export function follow(): void {
  $effect.root(() => {
    followProject();
    $effect(() => {
      const { targets } = selection;
      untrack(() => followSelection(targets));
    });
    $effect(() => setMode(auto.on ? "reading" : null));
    // Marks are keys: other marks, other keys.
    $effect(() => registerActions(autoloadActions()));
    $effect(() => {
      if (auto.on && quality.on) untrack(() => void quality.load());
    });
  });
}
