// From case to case: looks a case up, shows it, and fetches the next one ahead.
import { api } from "../../core/api";
import { openDialog } from "../../core/dialogs.svelte";
import { session } from "../../core/session.svelte";
import { complain } from "../../core/toast.svelte";
import { selectNamed, selection } from "../../table/selection.svelte";
import { viewer } from "../../viewer";
import { markers } from "../markers/markers.svelte";
import { saveAll as saveMarkers } from "../markers/saving";
import { rois } from "../roi/rois.svelte";
import { saveAll } from "../roi/saving";
import { cohort } from "./cohort.svelte";
import LeaveDialog from "./LeaveDialog.svelte";
import { prefetch, runAfter, showCase } from "./loading";
import type { LoadedCase } from "./preset";
import { shownCase } from "./snapshot";
import { auto } from "./state.svelte";
import { say, text } from "./strings";

const KEPT = 6;
let known = new Map<string, Promise<LoadedCase>>();
let knownFor = "";
let round = 0;
let stopAhead: () => void = () => undefined;
/** The selection that we made ourselves is no wish of the person. */
let ours = "";

/** What the entries mean for a case; asked once, as long as the preset stays the same. */
function lookUp(name: string): Promise<LoadedCase> {
  const { entries, level } = auto.preset;
  const asked = JSON.stringify([session.project, entries, level]);
  if (asked !== knownFor) {
    known = new Map();
    knownFor = asked;
  }
  const found =
    known.get(name) ??
    api.post<LoadedCase>(
      "/autoloader/case",
      { case: name, entries, level },
      { project: session.project },
    );
  known.delete(name);
  known.set(name, found);
  found.catch(() => known.delete(name));
  if (known.size > KEPT) known.delete([...known.keys()][0]!);
  return found;
}

/** Forget what was looked up: files have come or gone. */
export function forgetCases(): void {
  known = new Map();
}

const unsaved = (): string[] => [
  ...rois.dirty.map((roi) => roi.name),
  ...markers.dirty.map((file) => file.source || (markers.setsOf(file)[0]?.data.name ?? "")),
];

/** Drawings that are not saved are never lost by walking on. */
async function mayLeave(): Promise<boolean> {
  const names = unsaved();
  if (names.length === 0) return true;
  const answer = await new Promise<"save" | "drop" | "stay">((done) =>
    openDialog(LeaveDialog, { names, done }),
  );
  if (answer === "save") {
    await saveAll();
    await saveMarkers();
  }
  return answer !== "stay" && (answer === "drop" || unsaved().length === 0);
}

/** Show a case. True once its images are there. */
export async function go(name: string): Promise<boolean> {
  if (!name || !(await mayLeave())) return false;
  const mine = ++round;
  auto.pending = name;
  auto.settled = false;
  auto.error = null;
  try {
    const loaded = await lookUp(name);
    if (mine !== round || !auto.on) return false;
    auto.current = loaded;
    auto.missing = [];
    const showing = showCase(auto.preset, loaded, () => mine === round);
    auto.pending = "";
    stopAhead();
    const missing = await showing;
    if (mine !== round) return false;
    auto.missing = missing;
    auto.settled = true;
    runAfter(auto.preset);
    void ahead(mine);
    return true;
  } catch (error) {
    if (mine === round) fail(error);
    return false;
  }
}

function fail(error: unknown): void {
  auto.pending = "";
  auto.error = error;
  complain(error, text.failed);
}

/** Fetch the next case, so that it is there when it is asked for. */
async function ahead(mine: number): Promise<void> {
  try {
    const names = await cohort.ensure();
    const next = names[cohort.at + 1];
    if (!next || mine !== round) return;
    const loaded = await lookUp(next);
    if (mine === round) stopAhead = prefetch(auto.preset, loaded);
  } catch {
    // the case is asked for again when somebody goes there, and then it says what is wrong
  }
}

/** Let the table show where we are, unless several cases are checked. */
function check(name: string): void {
  if (cohort.fromChecked) return;
  ours = name;
  selectNamed([name]);
}

export async function goTo(name: string): Promise<boolean> {
  const done = go(name);
  const before = auto.current?.case;
  const shown = await done;
  if (auto.current?.case !== before || shown) check(auto.current?.case ?? name);
  return shown;
}

/** The next or previous case of the cohort. */
export async function walk(by: number): Promise<boolean> {
  let names: readonly string[];
  try {
    names = await cohort.ensure();
  } catch (error) {
    complain(error, text.casesFailed);
    return false;
  }
  const at = auto.pending ? names.indexOf(auto.pending) : cohort.at;
  const to = at < 0 ? 0 : at + by;
  const name = names[to];
  if (name !== undefined) return goTo(name);
  viewer.tell(by > 0 ? text.lastCase : text.firstCase);
  return false;
}

/** Load what is in sight again, after a change of the preset or of the files. */
export async function relaunch(): Promise<void> {
  forgetCases();
  const name = auto.current?.case ?? (selection.targets[0] || shownCase());
  if (auto.on && name) await go(name);
}

async function start(): Promise<void> {
  const { targets } = selection;
  if (auto.preset.entries.length === 0) return;
  if (targets.length === 1) return void (await go(targets[0]!));
  const names = await cohort.ensure();
  const shown = shownCase();
  const first = names.includes(shown) ? shown : names[0];
  if (first) await goTo(first);
}

/** Switch on: the checked case, the one in sight, or the first of the table. */
export async function switchOn(): Promise<void> {
  if (auto.on) return relaunch();
  auto.on = true;
  try {
    await start();
  } catch (error) {
    fail(error);
  }
}

export function switchOff(): void {
  round++;
  stopAhead();
  auto.on = false;
  auto.sheet = false;
  auto.forget();
}

/** What is checked in the table is shown. */
export function followSelection(targets: readonly string[]): void {
  const one = targets.length === 1 ? targets[0]! : "";
  const mine = one !== "" && one === ours;
  ours = "";
  if (!auto.on || mine || auto.preset.entries.length === 0) return;
  if (one && one !== auto.current?.case && one !== auto.pending) void go(one);
  if (targets.length > 1) void followMany();
}

async function followMany(): Promise<void> {
  try {
    const names = await cohort.ensure();
    if (cohort.at < 0 && names[0]) await go(names[0]);
  } catch (error) {
    complain(error, text.casesFailed);
  }
}

export const place = (): string => {
  const n = cohort.names.length;
  if (n === 0) return "";
  return cohort.at < 0 ? say("placeUnknown", { n }) : say("place", { i: cohort.at + 1, n });
};
