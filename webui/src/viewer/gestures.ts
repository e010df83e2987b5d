// Mouse, pen and wheel over a 2D viewport: crosshair, pan, window, zoom, slices, reformatting.
import type { Line } from "./crosshairline";
import { LINE_CURSOR, lineAt, lineTo } from "./crosshairline";
import type { Vec3 } from "./linalg";
import { apply, cross, dot } from "./linalg";
import type { View } from "./planes";
import { screenToWorld, worldToScreen } from "./planes";
import type { Limits, Point } from "./types";
import { withColumns, withRange } from "./mosaic";
import { togglePin } from "./pinning";
import { pointers } from "./pointers.svelte";
import type { PointerAt } from "./tools";
import type { Part, Viewer } from "./viewer.svelte";
import type { Viewport } from "./viewport.svelte";
import { dragWindow } from "./windowing";

export type Gesture = "crosshair" | "line" | "pan" | "window" | "turn" | "pin" | "tool";

/** A notch of a usual wheel, in the units of WheelEvent with deltaMode 0. */
const NOTCH = 100;
const ZOOM_PER_NOTCH = 1.1;

/** Which gesture a press begins. */
export function gestureOf(
  event: Pick<PointerEvent, "button" | "ctrlKey" | "metaKey" | "shiftKey">,
) {
  if (event.button === 1) return "window";
  if (event.button === 2) return "pan";
  if (event.button !== 0) return null;
  if (event.ctrlKey || event.metaKey) return event.shiftKey ? "pin" : "turn";
  return event.shiftKey ? "pan" : "crosshair";
}

/** Notches of a wheel event, whatever the unit; Shift makes browsers scroll sideways. */
export function notches(event: Pick<WheelEvent, "deltaX" | "deltaY" | "deltaMode">): number {
  const delta = event.deltaY || event.deltaX;
  const unit = event.deltaMode === 1 ? 3 : event.deltaMode === 2 ? 1 : NOTCH;
  return -delta / unit;
}

/** Keep a point on the plane's own depth inside the image, so that the crosshair stays findable. */
function clampToImage(viewport: Viewport, mm: Vec3): Vec3 {
  const volume = viewport.volume;
  if (!volume) return mm;
  const v = volume.toVoxel(mm).map((x, a) => Math.min(volume.shape[a]! - 1, Math.max(0, x)));
  return apply(volume.affine, v as unknown as Vec3);
}

class Press {
  private last: Point;
  private readonly limits: Limits | null;

  constructor(
    private readonly viewer: Viewer,
    private readonly viewport: Viewport,
    readonly gesture: Gesture,
    private readonly start: Point,
    /** The picture in which it began. */
    readonly part: string,
    /** The line of the crosshair that it moves. */
    private readonly line: Line | null = null,
  ) {
    this.last = start;
    this.limits = viewport.base?.limits ?? null;
  }

  move(to: Point, view: View): void {
    if (this.gesture === "crosshair") this.place(screenToWorld(view, to));
    if (this.gesture === "line" && this.line) this.place(lineTo(view, this.cross, this.line, to));
    if (this.gesture === "pan") this.viewport.panBy(view, this.last, to);
    if (this.gesture === "window") this.window(to);
    if (this.gesture === "turn") this.turn(to, view);
    this.last = to;
  }

  private get cross(): Vec3 {
    return this.viewer.crosshairOf(this.viewport);
  }

  private place(mm: Vec3): void {
    this.viewer.setCrosshair(clampToImage(this.viewport, mm), this.viewport);
  }

  private window(to: Point): void {
    const layer = this.viewport.base;
    if (!layer || !this.limits) return;
    const [dx, dy] = [to.x - this.start.x, to.y - this.start.y];
    this.viewer.setLook(layer, { limits: dragWindow(this.limits, layer.range, dx, dy) });
  }

  /** Turn about the crosshair by the angle the pointer has gone round it. */
  private turn(to: Point, view: View): void {
    const middle = worldToScreen(view, this.cross);
    const angle = (p: Point): number => Math.atan2(middle.y - p.y, p.x - middle.x);
    const { right, up, normal } = view.axes;
    // Seen along the screen, counter-clockwise is about right x up, which may be -normal.
    const facing = Math.sign(dot(normal, cross(right, up)));
    this.viewer.turn(normal, (angle(to) - angle(this.last)) * -facing);
  }
}

/** Where the pointer is: the part of the viewport, its plane and all places since the last event. */
class Locator {
  constructor(
    private readonly viewer: Viewer,
    private readonly viewport: Viewport,
    private readonly node: HTMLElement,
  ) {}

  private inside(event: MouseEvent): Point {
    const box = this.node.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** `held` is the part in which a gesture has begun. */
  part(event: MouseEvent, held?: string): { part: Part; point: Point } | null {
    const p = this.inside(event);
    const part = held
      ? this.viewer.parts(this.viewport).find(({ id }) => id === held)
      : this.viewer.partAt(this.viewport, p);
    if (!part) return null;
    return { part, point: { x: p.x - part.rect.left, y: p.y - part.rect.top } };
  }

  at(event: PointerEvent, pressed: boolean, held?: string): PointerAt | null {
    const hit = this.part(event, held);
    if (!hit) return null;
    const { view } = hit.part;
    const mm = screenToWorld(view, hit.point);
    const all = event.type === "pointermove" ? (event.getCoalescedEvents?.() ?? []) : [];
    const path = all.slice(0, -1).map((one) => {
      const p = this.inside(one);
      const { left, top } = hit.part.rect;
      return screenToWorld(view, { x: p.x - left, y: p.y - top });
    });
    path.push(mm);
    return { viewport: this.viewport, view, point: hit.point, mm, path, pressed, event };
  }
}

export interface GestureHooks {
  /** Called on every change made by hand, so that the engine may draw coarsely. */
  moving: () => void;
  /** The wheel reached the end of the stack. */
  end: () => void;
  /** A double click that no tool wanted. */
  double: () => void;
}

/** Attach to the element that covers a viewport. */
export function gestures(viewer: Viewer, viewport: Viewport, hooks: GestureHooks) {
  return (node: HTMLElement): (() => void) => {
    const where = new Locator(viewer, viewport, node);
    let press: Press | null = null;
    let rest = 0;

    const down = (event: PointerEvent): void => {
      viewer.active = viewport.index;
      const gesture = gestureOf(event);
      const hit = where.part(event);
      const at = where.at(event, true);
      if (!gesture || !hit || !at || press) return;
      event.preventDefault();
      node.setPointerCapture(event.pointerId);
      if (gesture === "pin" && togglePin(viewer, viewport, at)) return;
      hooks.moving();
      const taken = gesture !== "window" && pointers.down(at);
      const line = gesture === "pan" && event.button === 0 ? lineUnder(at) : null;
      const meant = line ? "line" : gesture === "pin" ? "turn" : gesture;
      press = new Press(viewer, viewport, taken ? "tool" : meant, at.point, hit.part.id, line);
      if (press.gesture === "crosshair") press.move(at.point, at.view);
    };
    /** With Shift: the line of the crosshair under the pointer. */
    const lineUnder = ({ event, view, point }: PointerAt): Line | null =>
      event.shiftKey && viewer.showCrosshair
        ? lineAt(view, viewer.crosshairOf(viewport), point)
        : null;
    const cursorAt = (at: PointerAt | null): string => {
      const line = at && lineUnder(at);
      return line ? LINE_CURSOR[line] : pointers.cursor;
    };
    const move = (event: PointerEvent): void => {
      const at = where.at(event, press?.gesture === "tool", press?.part);
      node.style.cursor = press ? node.style.cursor : cursorAt(at);
      if (!at) return;
      if (press) hooks.moving();
      if (!press || press.gesture === "tool") return pointers.move(at);
      press.move(at.point, at.view);
    };
    // A tool hears of the end whatever has become of the viewport, or its stroke would be lost.
    const up = (event: PointerEvent): void => {
      if (press?.gesture === "tool") pointers.up(where.at(event, true, press.part));
      press = null;
    };
    const leave = (): void => void (press ?? pointers.leave());
    const double = (event: MouseEvent): void => {
      const at = where.at(event as PointerEvent, false);
      if (at && pointers.double(at)) return;
      hooks.double();
    };
    const wheel = (event: WheelEvent): void => {
      const hit = where.part(event);
      if (!hit) return;
      event.preventDefault();
      if (pointers.wheel(event)) return;
      hooks.moving();
      if (event.ctrlKey || event.metaKey)
        return zoom(event, screenToWorld(hit.part.view, hit.point));
      rest += notches(event);
      const whole = Math.trunc(rest);
      if (viewport.mosaic && event.shiftKey) return columns(event);
      rest -= whole;
      if (whole !== 0) slices(whole, event.shiftKey);
    };
    const zoom = (event: WheelEvent, mm: Vec3): void => {
      const factor = ZOOM_PER_NOTCH ** (notches(event) * Math.sqrt(viewer.scrollSpeed));
      viewer.zoom(viewport, mm, factor);
    };
    const columns = (event: WheelEvent): void => {
      rest = 0;
      const { mosaic } = viewport;
      if (mosaic) viewport.mosaic = withColumns(mosaic, mosaic.columns + 0.3 * notches(event));
    };
    const slices = (n: number, inTime: boolean): void => {
      if (inTime) return viewer.stepFrame(viewport, n);
      const { mosaic } = viewport;
      const count = viewer.slice(viewport)?.count ?? 100;
      if (mosaic) viewport.mosaic = withRange(mosaic, "both", (n * viewer.scrollSpeed) / count);
      else if (!viewer.step(viewport, n * viewer.scrollSpeed)) hooks.end();
    };
    const noMenu = (event: Event): void => event.preventDefault();
    const noScroll = (event: MouseEvent): void => {
      if (event.button === 1) event.preventDefault();
    };

    const off = new AbortController();
    const on = <K extends keyof HTMLElementEventMap>(
      name: K,
      handler: (event: HTMLElementEventMap[K]) => void,
    ): void => node.addEventListener(name, handler, { signal: off.signal, passive: false });
    on("pointerdown", down);
    on("pointermove", move);
    on("pointerup", up);
    on("pointercancel", up);
    on("lostpointercapture", up);
    on("pointerleave", leave);
    on("dblclick", double);
    on("wheel", wheel);
    on("contextmenu", noMenu);
    on("mousedown", noScroll);
    return () => off.abort();
  };
}
