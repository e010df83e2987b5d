// What the autoloader is set to and what it shows; how it gets there is elsewhere.
import { emptyPreset, type LoadedCase, type Preset, type PresetRow } from "./preset";

class Autoload {
  on = $state(false);
  preset: Preset = $state.raw(emptyPreset());
  /** The kept preset that this one was loaded from or saved as. */
  row: PresetRow | null = $state.raw(null);
  /** Changed since it was loaded or saved. */
  changed = $state(false);
  /** The case whose files are shown. */
  current: LoadedCase | null = $state.raw(null);
  /** The case that is being looked up; the images are still those before. */
  pending = $state("");
  /** Its images are all there: nobody rates what they have not seen. */
  settled = $state(false);
  /** What the case lacks, for the bar. */
  missing: string[] = $state.raw([]);
  error: unknown = $state.raw(null);
  /** The contact sheet of the cohort is open. */
  sheet = $state(false);

  /** Take over a preset; nothing is loaded yet. */
  use(preset: Preset, row: PresetRow | null, changed = false): void {
    this.preset = preset;
    this.row = row;
    this.changed = changed;
  }

  change(patch: Partial<Preset>): void {
    this.preset = { ...this.preset, ...patch };
    this.changed = true;
  }

  /** What is shown belongs to no case any more. */
  forget(): void {
    this.current = null;
    this.pending = "";
    this.settled = false;
    this.missing = [];
    this.error = null;
  }
}

export const auto = new Autoload();
