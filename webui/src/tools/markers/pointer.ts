// Mouse and pen over the slices: points are added, moved, sized and deleted on the image.
import { inform } from "../../core/toast.svelte";
import { openTool } from "../../core/dock.svelte";
import type { PointerAt, PointerTool, Viewport } from "../../viewer";
import { viewer } from "../../viewer";
import { history } from "../history.svelte";
import { boxBetween, resized, turnedBox, turnFrom } from "./boxes";
import { extentMm, moved, outlined, pushed, withShort } from "./changes";
import type { Plane } from "./depth";
import { hand } from "./hand.svelte";
import type { Hit } from "./hits";
import { hitIn, stretchAt } from "./hits";
import type { MarkerSet } from "./markers.svelte";
import { markers, studyOf } from "./markers.svelte";
import type { Point, SetData } from "./model";
import { isFull, mmOf, patchPoint, shiftAll, withPoint, withoutPoint } from "./model";
import { SMALLEST_MM, wheel } from "./sizing";
import { say, text } from "./strings";
import { nextTemplate, withTemplate } from "./templates";
import type { Vec3 } from "./vectors";
import { add, distance, sub } from "./vectors";

const DRAG_PX = 3;
const CLOSE_PX = 14;

interface Gesture {
  move: (at: PointerAt) => void;
  end: () => void;
}

/** Whether a set is drawn in a viewport: on images of its own study, or on all when asked.
 * NORA's own key says "all" unless somebody forbids it, which would mix subjects side by side. */
export function shownIn(set: MarkerSet, viewport: Viewport): boolean {
  if (!set.visible) return false;
  if (set.data.state.everywhere) return true;
  const subject = set.file.study?.psid;
  const other = viewport.base?.subject;
  return !subject || !other || subject === other;
}

export const planeAt = (at: PointerAt): Plane => ({
  view: at.view,
  stepMm: viewer.slice(at.viewport)?.stepMm ?? 1,
});

interface Held extends Hit {
  set: MarkerSet;
}

/** The point under the pointer, those of the current set first; with the pen on only those. */
function under(at: PointerAt): Held | null {
  const plane = planeAt(at);
  const { current } = markers;
  const pen = markers.pen ? current : null;
  const sets = [...markers.list]
    .reverse()
    .sort((a, b) => Number(b === current) - Number(a === current));
  for (const set of pen ? [pen] : sets) {
    const hit = shownIn(set, at.viewport) ? hitIn(set.data, plane, at.point, mark(set)) : null;
    if (hit) return { ...hit, set };
  }
  return null;
}

/** The marked point of a set. */
const mark = (set: MarkerSet): string | null => (markers.current === set ? markers.point : null);

function follow(set: MarkerSet, at: PointerAt): void {
  if (set.data.state.follow !== 0) viewer.setCrosshair(at.mm, at.viewport);
}

/** Something is dragged: `change` makes the set anew from how it was. */
function dragging(
  at: PointerAt,
  set: MarkerSet,
  before: SetData,
  label: string,
  change: (at: PointerAt) => SetData,
  click: () => void,
): Gesture {
  const start = at.point;
  let far = false;
  return {
    move: (here) => {
      far ||= Math.hypot(here.point.x - start.x, here.point.y - start.y) > DRAG_PX;
      if (!far) return;
      set.data = change(here);
      follow(set, here);
    },
    end: () => {
      if (!far) click();
      markers.remember(set, before, label);
    },
  };
}

/** Take hold of a point: plain moves it, Ctrl its whole set, Shift changes its size. */
function grab(at: PointerAt, { set, id, corner, grip }: Held): Gesture | null {
  const before = set.data;
  const point = set.point(id)!;
  const jump = (): void => markers.jump(set, id);
  if (markers.current !== set) markers.select(set, id);
  markers.point = id;
  if (set.locked === 2) {
    jump();
    return { move: () => undefined, end: () => undefined };
  }
  const { normal } = at.view.axes;
  const by = (here: PointerAt): Vec3 => sub(here.mm, at.mm);
  const { ctrlKey, metaKey, shiftKey } = at.event;
  if (ctrlKey || metaKey)
    return dragging(at, set, before, text.stepMove, (h) => shiftAll(before, by(h)), jump);
  if (shiftKey && typeof point.size !== "object")
    return dragging(at, set, before, text.stepSize, (h) => sizedTo(before, point, h.mm), jump);
  const put = (next: Point): SetData => patchPoint(before, id, next);
  if (grip)
    return dragging(at, set, before, text.stepTurn, (h) => put(turnedTo(point, at, h)), jump);
  if (corner) {
    const size = (h: PointerAt): Point => resized(point, corner, add(corner, by(h)), normal);
    return dragging(at, set, before, text.stepSize, (h) => put(size(h)), jump);
  }
  return dragging(at, set, before, text.stepMove, (h) => moved(before, id, by(h), normal), jump);
}

const STEP = Math.PI / 12;

/** A box turned in the slice as the pointer goes round its middle; Shift: by steps of 15°. */
function turnedTo(point: Point, from: PointerAt, to: PointerAt): Point {
  const angle = turnFrom(mmOf(point), from.mm, to.mm, planeAt(from));
  const by = to.event.shiftKey ? Math.round(angle / STEP) * STEP : angle;
  return turnedBox(point, from.view.axes.normal, by);
}

const sizedTo = (set: SetData, point: Point, mm: Vec3): SetData =>
  patchPoint(set, point.id, { size: Math.max(SMALLEST_MM, distance(mm, mmOf(point))) });

// ---- adding ----

function drawOutline(at: PointerAt, set: MarkerSet): Gesture {
  const before = set.data;
  hand.way = [at.mm];
  return {
    move: (here) => {
      const fresh = here.path.filter((mm) => distance(mm, hand.way.at(-1)!) > here.view.mmPerPixel);
      if (fresh.length) hand.way = [...hand.way, ...fresh];
    },
    end: () => {
      const { way } = hand;
      hand.way = [];
      if (way.length < 2) return;
      set.data = outlined(before, way, CLOSE_PX * at.view.mmPerPixel);
      markers.point = set.data.points.at(-1)!.id;
      markers.remember(set, before, text.stepDraw);
    },
  };
}

function pushOutline(at: PointerAt, set: MarkerSet): Gesture {
  const before = set.data;
  const radius = hand.pushPx * at.view.mmPerPixel;
  let last = at.mm;
  hand.pushing = true;
  return {
    move: (here) => {
      for (const mm of here.path) {
        set.data = pushed(set.data, planeAt(here), last, sub(mm, last), radius);
        last = mm;
      }
    },
    end: () => {
      hand.pushing = false;
      markers.remember(set, before, text.stepMove);
    },
  };
}

function drawBox(at: PointerAt, set: MarkerSet): Gesture {
  const before = set.data;
  const edge = 2 * Number(before.state.defaultradius ?? 5);
  const cube = { size: [edge, edge, edge, 0] };
  set.data = withPoint(before, at.mm, cube);
  const { id } = set.data.points.at(-1)!;
  markers.point = id;
  const start = set.data;
  const change = (here: PointerAt): SetData => {
    return patchPoint(start, id, boxBetween(at.mm, here.mm, at.view.axes));
  };
  return dragging(at, set, before, text.stepDraw, change, () => undefined);
}

/** Sizes of a pair: NORA's share of the image, the target five times as large. */
function pairSize(viewport: Viewport, isTarget: boolean): number {
  const { volume } = viewport;
  const size = volume ? extentMm(volume.shape, volume.affine) / 33 : 5;
  return Number((isTarget ? 5 * size : size).toFixed(2));
}

function sizeFor(set: MarkerSet, viewport: Viewport, n: number): Partial<Point> {
  return set.data.type === "correspondence" ? { size: pairSize(viewport, n === 1) } : {};
}

/** Kinds with ends: press at the first, let go at the second; or click by click. */
function drawEnds(at: PointerAt, set: MarkerSet): Gesture {
  const before = set.data;
  const n = before.points.length;
  const { normal } = at.view.axes;
  set.data = withPoint(before, at.mm, sizeFor(set, at.viewport, n));
  const first = set.data;
  const finish = (): void => {
    if (set.data.type === "2diameter") set.data = withShort(set.data, normal);
    if (isFull(set.data)) markers.pen = false;
  };
  const more = sizeFor(set, at.viewport, 1);
  const change = (here: PointerAt): SetData =>
    n === 0
      ? withPoint(first, here.mm, more)
      : patchPoint(first, first.points.at(-1)!.id, { coords: [...here.mm, 1] });
  const gesture = dragging(at, set, before, text.stepDraw, change, () => undefined);
  return {
    move: gesture.move,
    end: () => {
      finish();
      gesture.end();
    },
  };
}

/** A point where the pointer is; it can be moved on before the button is let go. */
function drawPoint(at: PointerAt, set: MarkerSet): Gesture {
  const before = set.data;
  const between = set.data.type === "freeline" ? stretchAt(before, planeAt(at), at.point) : null;
  const index = between ?? before.points.length;
  const waiting = markers.template ? withTemplate(before, markers.template, at.mm) : null;
  set.data = waiting?.set ?? withPoint(before, at.mm, {}, index);
  const added = set.data;
  const id = waiting?.id ?? added.points[index]!.id;
  markers.point = id;
  if (waiting) markers.arm(set, nextTemplate(added, markers.template!));
  follow(set, at);
  const change = (here: PointerAt): SetData => patchPoint(added, id, { coords: [...here.mm, 1] });
  return dragging(at, set, before, text.stepAdd, change, () => undefined);
}

function draw(at: PointerAt, set: MarkerSet): Gesture {
  const { ctrlKey, metaKey } = at.event;
  switch (set.data.type) {
    case "scribble":
      return ctrlKey || metaKey ? pushOutline(at, set) : drawOutline(at, set);
    case "boxes":
      return drawBox(at, set);
    case "correspondence":
    case "electrode":
    case "ruler":
    case "2diameter":
      return drawEnds(at, set);
    default:
      return drawPoint(at, set);
  }
}

/** The set that clicks add to. */
function penSet(at: PointerAt): MarkerSet | null {
  const { current } = markers;
  if (!markers.pen || !current || current.locked || isFull(current.data)) return null;
  const study = studyOf(at.viewport);
  // A set that is still empty goes to the study that it is begun on.
  if (!current.data.points.length && !current.file.saved && study) current.file.study = study;
  if (shownIn(current, at.viewport)) return current;
  viewer.tell(say("elsewhere", { name: current.file.study?.psid.replace("#", " · ") ?? "" }));
  return null;
}

export function dropPoint(set: MarkerSet, id: string): void {
  const name = set.point(id)?.name ?? "";
  if (markers.point === id) markers.point = null;
  markers.edit(set, withoutPoint(set.data, id), text.stepDrop);
  inform(say("deleted", { name }), { label: text.undo, run: () => history.undo() });
}

let gesture: Gesture | null = null;

function down(at: PointerAt): boolean {
  const { button, altKey, shiftKey, ctrlKey, metaKey } = at.event;
  if (altKey || (button !== 0 && button !== 2)) return false;
  const set = penSet(at);
  const held = under(at);
  if (button === 2) {
    if (!held || held.set.locked) return false;
    dropPoint(held.set, held.id);
    return true;
  }
  const drawsOver = set?.data.type === "scribble";
  if (held && !(drawsOver && held.set === set)) gesture = grab(at, held);
  else if (set && !shiftKey && (drawsOver || !(ctrlKey || metaKey))) gesture = draw(at, set);
  if (!gesture) return false;
  releaseFocus();
  return true;
}

/** Keys belong to the images again. */
function releaseFocus(): void {
  const { activeElement } = document;
  if (activeElement instanceof HTMLElement) activeElement.blur();
}

function hover(at: PointerAt): void {
  const held = markers.list.length ? under(at) : null;
  const over = hand.over;
  if (held?.id !== over?.id || held?.set.key !== over?.set)
    hand.over = held ? { set: held.set.key, id: held.id } : null;
  hand.at = markers.pen ? { viewport: at.viewport, mm: at.mm } : null;
}

/** A double click on a point renames it; with the pen it ends a line. */
function double(at: PointerAt): boolean {
  if (markers.pen) {
    if (markers.current?.data.type === "freeline") markers.pen = false;
    return true;
  }
  const held = under(at);
  if (!held) return false;
  markers.select(held.set, held.id);
  held.set.folded = false;
  markers.naming = `${held.set.key}/${held.id}`;
  openTool("markers");
  return true;
}

export const markerPointer: PointerTool = {
  get active() {
    return markers.pen;
  },
  get cursor() {
    return hand.over ? "grab" : markers.pen ? "crosshair" : "";
  },
  stop: () => (markers.pen = false),
  down,
  move: (at) => {
    if (gesture) gesture.move(at);
    else hover(at);
    if (gesture && hand.at) hand.at = { viewport: at.viewport, mm: at.mm };
  },
  up: () => {
    gesture?.end();
    gesture = null;
  },
  leave: () => {
    hand.over = null;
    hand.at = null;
  },
  wheel,
  double,
};
