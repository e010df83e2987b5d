// The sets of markers in the viewer: which there are, which is current, and every change of them.
import { inform } from "../../core/toast.svelte";
import type { FileRow } from "../../core/types";
import type { Viewport } from "../../viewer";
import { viewer } from "../../viewer";
import { history } from "../history.svelte";
import type { Kind, Point, SetData } from "./model";
import { capacity, centreOf, isFull, mmOf, newSet, patchPoint, uniqueName } from "./model";
import { say, setsText, text } from "./strings";
import { nextTemplate, withTemplate } from "./templates";
import type { Vec3 } from "./vectors";

export interface SavedAs {
  id: number;
  path: string;
  version: string;
}

export interface Study {
  id: number;
  psid: string;
}

let counter = 0;
const key = (): string => `${Date.now().toString(36)}-${++counter}`;

/** A file of markers, saved or not yet: its sets are saved together. */
export class MarkerFile {
  readonly key = key();
  /** Where it is saved; null: it has no study yet. */
  study: Study | null = $state.raw(null);
  saved: SavedAs | null = $state.raw(null);
  /** Name of the file it was read from, also one of this computer. */
  source = $state("");
  /** It was read from this computer, and is nowhere else until it is saved. */
  local = $state(false);
  /** What of that file could not be taken over. */
  notes: readonly string[] = $state.raw([]);
  /** The sets as they were saved or read. */
  clean: readonly SetData[] = $state.raw([]);
  saving = $state(false);
}

export class MarkerSet {
  readonly key = key();
  data: SetData = $state.raw(null as unknown as SetData);
  visible = $state(true);
  /** Its points are listed close to the image, too. */
  near = $state(false);
  folded = $state(false);
  details = $state(false);

  constructor(
    readonly file: MarkerFile,
    data: SetData,
  ) {
    this.data = data;
    this.visible = data.state.visible !== false;
  }

  get locked(): number {
    return Number(this.data.state.locked ?? 0);
  }

  point(id: string | null): Point | undefined {
    return this.data.points.find((point) => point.id === id);
  }
}

class Markers {
  list: readonly MarkerSet[] = $state.raw([]);
  current: MarkerSet | null = $state.raw(null);
  /** The point that is marked: in `current`. */
  point: string | null = $state(null);
  /** Clicks on the image add to the current set. */
  pen = $state(false);
  /** The template of the current set that the next click places. */
  template: string | null = $state(null);
  /** What is being renamed in place: a set's key, or a set's key and a point. */
  naming: string | null = $state(null);
  recovered: readonly string[] = $state.raw([]);
  /** Draft of an earlier visit that a file has come from. */
  readonly replaces = new Map<MarkerFile, string>();

  get files(): MarkerFile[] {
    return [...new Set(this.list.map((set) => set.file))];
  }

  setsOf(file: MarkerFile): MarkerSet[] {
    return this.list.filter((set) => set.file === file);
  }

  isDirty(file: MarkerFile): boolean {
    const now = this.setsOf(file).map((set) => set.data);
    return now.length !== file.clean.length || now.some((data, i) => data !== file.clean[i]);
  }

  get dirty(): MarkerFile[] {
    return this.files.filter((file) => this.isDirty(file));
  }

  // ---- sets ----

  uniqueName(base: string, but?: MarkerSet): string {
    const others = this.list.filter((set) => set !== but);
    return uniqueName(
      base,
      others.map((set) => set.data.name),
    );
  }

  /** A new empty set in a file of its own; its points are added by clicks from now on. */
  create(kind: Kind): MarkerSet {
    const file = new MarkerFile();
    file.study = studyInSight();
    const set = new MarkerSet(file, newSet(kind, this.uniqueName(kind), this.list.length));
    this.attach([set]);
    history.push({
      label: say("stepNew", { name: set.data.name }),
      bytes: 200,
      undo: () => this.detach([set]),
      redo: () => this.attach([set]),
    });
    this.pen = true;
    return set;
  }

  attach(sets: readonly MarkerSet[], at = this.list.length): void {
    this.list = this.list.toSpliced(at, 0, ...sets);
    this.select(sets.at(-1) ?? null);
  }

  detach(sets: readonly MarkerSet[]): void {
    this.list = this.list.filter((one) => !sets.includes(one));
    if (this.current && sets.includes(this.current)) this.select(this.list.at(-1) ?? null);
  }

  /** Take sets away; one step brings them back in their places. */
  remove(sets: readonly MarkerSet[]): void {
    if (!sets.length) return;
    const before = this.list;
    const name = sets.length === 1 ? sets[0]!.data.name : setsText(sets.length);
    this.detach(sets);
    history.push({
      label: say("stepDelete", { name }),
      bytes: 200,
      undo: () => {
        this.list = before;
        this.select(sets.at(-1)!);
      },
      redo: () => this.detach(sets),
    });
    const stays = sets.every((set) => set.file.saved);
    inform(say(stays ? "tookAway" : "deleted", { name }), {
      label: text.undo,
      run: () => history.undo(),
    });
  }

  /** Make a set current; the marked point stays unless another is named. */
  select(set: MarkerSet | null, point?: string): void {
    const other = set !== this.current;
    if (other) this.pen = false;
    if (other) this.template = null;
    this.current = set;
    if (other || point !== undefined) this.point = point ?? null;
  }

  /** The pen of a set: adding by clicks on, once more off. */
  togglePen(set: MarkerSet): void {
    const on = !(this.pen && this.current === set);
    if (on && isFull(set.data)) return void inform(say("full", { n: capacity(set.data.type) }));
    this.select(set);
    this.template = null;
    this.pen = on;
    if (on) set.visible = true;
  }

  /** The next click places a template; without one the pen is off. */
  arm(set: MarkerSet, template: string | null): void {
    this.select(set);
    this.template = template;
    this.pen = template !== null;
    if (template !== null) set.visible = true;
  }

  /** A template goes to a place, and the next one waits. */
  placeTemplate(set: MarkerSet, template: string, mm: Vec3): void {
    const done = withTemplate(set.data, template, mm);
    if (!done || set.locked) return;
    const armed = this.pen && this.current === set;
    this.edit(set, done.set, text.stepAdd);
    this.select(set, done.id);
    if (armed) this.arm(set, nextTemplate(done.set, template));
  }

  // ---- changes ----

  /** Give a set new content as one step of undo. */
  edit(set: MarkerSet, data: SetData, label: string): void {
    const before = set.data;
    set.data = data;
    this.remember(set, before, label);
  }

  /** A gesture is over: all of it is one step. */
  remember(set: MarkerSet, before: SetData, label: string): void {
    if (before === set.data) return;
    const after = set.data;
    const put = (data: SetData) => () => {
      set.data = data;
      if (this.list.includes(set) && set !== this.current) this.select(set);
    };
    history.push({
      label: `${label}: ${after.name}`,
      bytes: 200 + weightOf(after) / 10,
      undo: put(before),
      redo: put(after),
    });
  }

  patch(set: MarkerSet, id: string, patch: Partial<Point>, label: string): void {
    this.edit(set, patchPoint(set.data, id, patch), label);
  }

  rename(set: MarkerSet, name: string): void {
    const wanted = name.trim();
    if (!wanted || wanted === set.data.name) return;
    this.edit(set, { ...set.data, name: this.uniqueName(wanted, set) }, text.stepRename);
  }

  // ---- places ----

  /** The crosshair goes to a point, in every viewport. */
  jump(set: MarkerSet, id: string): void {
    const point = set.point(id);
    this.select(set, id);
    if (point) goTo(mmOf(point));
  }

  /** Go to the first point of sets of which nothing is at the crosshair's slices. */
  focusIfAway(sets: readonly MarkerSet[]): void {
    const points = sets.flatMap((set) => set.data.points);
    const here = viewer.crosshair;
    const close = points.some((point) =>
      mmOf(point).every((mm, axis) => Math.abs(mm - here[axis]!) < 1),
    );
    if (points[0] && !close) goTo(mmOf(points[0]));
  }

  /** To the middle of a set. */
  focus(set: MarkerSet): void {
    const mm = centreOf(set.data);
    if (mm) goTo(mm);
    else inform(say("empty", { name: set.data.name }));
  }
}

export const markers = new Markers();

function goTo(mm: Vec3): void {
  viewer.setCrosshair(mm);
  for (const viewport of viewer.viewports)
    if (!viewer.linked(viewport)) viewer.setCrosshair(mm, viewport);
}

const weightOf = (set: SetData): number =>
  set.points.reduce((sum, point) => sum + 150 + 40 * (point.subpoints?.length ?? 0), 0);

/** The study of the image in a viewport. */
export function studyOf({ base }: Viewport): Study | null {
  const row = (base?.row ?? null) as FileRow | null;
  return row?.study_id === undefined ? null : { id: row.study_id, psid: row.psid };
}

/** The study of the image in the active viewport, or of any image shown. */
export const studyInSight = (): Study | null =>
  [viewer.activeViewport, ...viewer.viewports].map(studyOf).find((one) => one !== null) ?? null;
