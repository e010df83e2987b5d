// Outlines drawn click by click or by holding the button; their points move, then they are filled.
import type { PointerAt, View } from "../../viewer";
import { worldToScreen } from "../../viewer";
import { t } from "../../core/strings";
import type { Vec3 } from "../../viewer/linalg";
import { add, dot, scale, sub } from "../../viewer/linalg";
import { history } from "../history.svelte";
import { fillOutline, ontoSlice } from "./kernels/pens";
import type { Roi } from "./roi.svelte";
import { rois } from "./rois.svelte";
import { settings } from "./settings.svelte";
import { Stroke } from "./stroke";

type UV = readonly [number, number];

export interface DrawnOutline {
  id: number;
  origin: Vec3;
  right: Vec3;
  up: Vec3;
  normal: Vec3;
  points: readonly UV[];
  closed: boolean;
}

/** Pixels within which a point or an edge is meant. */
const NEAR = 9;
/** Pixels between two points while the button is held. */
const APART = 5;

interface Drag {
  id: number;
  /** Point that is moved, null: points are added along the way. */
  point: number | null;
  before: readonly DrawnOutline[];
}

let counter = 0;

export const pointMm = (outline: DrawnOutline, [u, v]: UV): Vec3 =>
  add(outline.origin, add(scale(outline.right, u), scale(outline.up, v)));

/** Whether an outline lies in the plane that a viewport shows. */
export function inPlane(outline: DrawnOutline, view: View, slackMm = 0.3): boolean {
  const across = Math.abs(dot(outline.normal, view.axes.normal));
  const depth = Math.abs(dot(sub(outline.origin, view.origin), view.axes.normal));
  return across > 0.9995 && depth < slackMm;
}

class Outlines {
  all: readonly DrawnOutline[] = $state.raw([]);
  private drag: Drag | null = $state.raw(null);

  get dragging(): boolean {
    return this.drag !== null;
  }

  get open(): DrawnOutline | undefined {
    return this.all.find((one) => !one.closed);
  }

  private set(next: readonly DrawnOutline[], before: readonly DrawnOutline[], label: string): void {
    this.all = next;
    const bytes = next.reduce((sum, one) => sum + 32 * one.points.length, 64);
    const back = (to: readonly DrawnOutline[]) => () => (this.all = to);
    history.push({ label, bytes, undo: back(before), redo: back(next) });
  }

  private change(id: number, patch: Partial<DrawnOutline>): readonly DrawnOutline[] {
    return this.all.map((one) => (one.id === id ? { ...one, ...patch } : one));
  }

  private uv(outline: DrawnOutline, mm: Vec3): UV {
    const away = sub(mm, outline.origin);
    return [dot(away, outline.right), dot(away, outline.up)];
  }

  /** Points of an outline on the screen. */
  screen(outline: DrawnOutline, view: View) {
    return outline.points.map((point) => worldToScreen(view, pointMm(outline, point)));
  }

  down(at: PointerAt, roi: Roi): boolean {
    const erase = at.event.button === 2;
    const here = worldToScreen(at.view, at.mm);
    for (const outline of this.all.filter((one) => inPlane(one, at.view))) {
      const points = this.screen(outline, at.view);
      const i = points.findIndex((p) => Math.hypot(p.x - here.x, p.y - here.y) < NEAR);
      if (i >= 0 && erase) return this.dropPoint(outline, i);
      if (i === 0 && !outline.closed && points.length > 2) return this.close(outline.id);
      if (i >= 0) return this.begin({ id: outline.id, point: i, before: this.all });
      const edge = outline.closed ? nearestEdge(points, here) : null;
      if (edge !== null && !erase) return this.insert(outline, edge + 1, this.uv(outline, at.mm));
    }
    if (erase) return this.open ? this.close(this.open.id) : true;
    return this.extend(at, roi);
  }

  private begin(drag: Drag): boolean {
    this.drag = drag;
    return true;
  }

  private dropPoint(outline: DrawnOutline, i: number): boolean {
    const points = outline.points.filter((_, n) => n !== i);
    const next = points.length
      ? this.change(outline.id, { points })
      : this.all.filter((one) => one !== outline);
    this.set(next, this.all, t("roi_step_outline"));
    return true;
  }

  private insert(outline: DrawnOutline, i: number, point: UV): boolean {
    const before = this.all;
    this.all = this.change(outline.id, { points: outline.points.toSpliced(i, 0, point) });
    return this.begin({ id: outline.id, point: i, before });
  }

  /** Add a point to the open outline, or begin one in this plane. */
  private extend(at: PointerAt, roi: Roi): boolean {
    const before = this.all;
    const open = this.open;
    if (open && inPlane(open, at.view)) {
      this.all = this.change(open.id, { points: [...open.points, this.uv(open, at.mm)] });
      return this.begin({ id: open.id, point: null, before });
    }
    const { right, up, normal } = at.view.axes;
    const origin = ontoSlice(roi.matrix, at.mm, normal);
    const made = { id: ++counter, origin, right, up, normal, points: [[0, 0]] as UV[] };
    this.all = [...this.all.map((one) => ({ ...one, closed: true })), { ...made, closed: false }];
    return this.begin({ id: counter, point: null, before });
  }

  move(at: PointerAt): void {
    const { drag } = this;
    const outline = this.all.find((one) => one.id === drag?.id);
    if (!drag || !outline) return;
    const point = this.uv(outline, at.mm);
    if (drag.point !== null) {
      this.all = this.change(outline.id, { points: outline.points.with(drag.point, point) });
      return;
    }
    const last = worldToScreen(at.view, pointMm(outline, outline.points.at(-1)!));
    const here = worldToScreen(at.view, at.mm);
    if (Math.hypot(last.x - here.x, last.y - here.y) >= APART)
      this.all = this.change(outline.id, { points: [...outline.points, point] });
  }

  up(): void {
    const { drag } = this;
    if (!drag) return;
    this.drag = null;
    const before = drag.before.find((one) => one.id === drag.id)?.points.length ?? 0;
    const outline = this.all.find((one) => one.id === drag.id);
    // Held and drawn round: letting go closes it.
    const drawn = drag.point === null && (outline?.points.length ?? 0) > before + 3;
    const next = drawn ? this.change(drag.id, { closed: true }) : this.all;
    this.set(next, drag.before, t("roi_step_outline"));
  }

  close(id: number): boolean {
    this.set(this.change(id, { closed: true }), this.all, t("roi_step_outline"));
    return true;
  }

  /** The trashcan: the outline goes, what it has filled stays. */
  drop(id: number): void {
    this.set(
      this.all.filter((one) => one.id !== id),
      this.all,
      t("roi_step_outline_drop"),
    );
  }

  /** The pencil: switch on what lies inside, in the ROI that is drawn on. */
  fill(id: number): void {
    const outline = this.all.find((one) => one.id === id);
    const roi = rois.current;
    if (!outline || !roi || roi.busy) return;
    const patch = fillOutline(roi.matrix, { ...outline, halfMm: sliceHalf(roi, outline.normal) });
    if (!patch) return;
    const stroke = new Stroke(roi, roi.frame, true, settings.overlap, rois.rivals(roi));
    stroke.draw(patch);
    const step = stroke.finish(`${t("roi_step_fill")}: ${roi.name}`);
    if (step) history.push(step);
  }

  /** Outline that keys act on: the open one, else the last. */
  get last(): DrawnOutline | undefined {
    return this.open ?? this.all.at(-1);
  }
}

/** Half the distance between slices of a ROI along a direction, a little less than the next one. */
function sliceHalf(roi: Roi, normal: Vec3): number {
  const m = roi.volume.affine;
  const along = [0, 1, 2].map((c) =>
    Math.abs(m[c]! * normal[0] + m[4 + c]! * normal[1] + m[8 + c]! * normal[2]),
  );
  return 0.499 * Math.max(...along);
}

/** Edge of a closed outline under the pointer: the index of its first point. */
function nearestEdge(points: readonly { x: number; y: number }[], p: { x: number; y: number }) {
  let best: number | null = null;
  let least = NEAR - 2;
  points.forEach((a, i) => {
    const b = points[(i + 1) % points.length]!;
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const length2 = dx * dx + dy * dy || 1;
    const s = Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2));
    const d = Math.hypot(a.x + s * dx - p.x, a.y + s * dy - p.y);
    if (d < least) [least, best] = [d, i];
  });
  return best;
}

export const outlines = new Outlines();
