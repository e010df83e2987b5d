// Mouse, pen and wheel over a 2D viewport: crosshair, pan, window, zoom, slices, reformatting.
import type { Vec3 } from "./linalg";
import { apply, cross, dot } from "./linalg";
import type { View } from "./planes";
import { screenToWorld, worldToScreen } from "./planes";
import type { Limits, Point } from "./types";
import type { PointerAt, Viewer } from "./viewer.svelte";
import type { Viewport } from "./viewport.svelte";
import { dragWindow } from "./windowing";

export type Gesture = "crosshair" | "pan" | "window" | "turn" | "tool";

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
  if (event.ctrlKey || event.metaKey) return "turn";
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
  ) {
    this.last = start;
    this.limits = viewport.base?.limits ?? null;
  }

  move(to: Point, view: View): void {
    if (this.gesture === "crosshair") this.place(to, view);
    if (this.gesture === "pan") this.viewport.panBy(view, this.last, to);
    if (this.gesture === "window") this.window(to);
    if (this.gesture === "turn") this.turn(to, view);
    this.last = to;
  }

  private place(to: Point, view: View): void {
    const mm = screenToWorld(view, to);
    this.viewer.setCrosshair(clampToImage(this.viewport, mm), this.viewport);
  }

  private window(to: Point): void {
    const layer = this.viewport.base;
    if (!layer || !this.limits) return;
    layer.setLimits(dragWindow(this.limits, layer.range, to.x - this.start.x, to.y - this.start.y));
  }

  /** Turn about the crosshair by the angle the pointer has gone round it. */
  private turn(to: Point, view: View): void {
    const middle = worldToScreen(view, this.viewer.crosshairOf(this.viewport));
    const angle = (p: Point): number => Math.atan2(middle.y - p.y, p.x - middle.x);
    const { right, up, normal } = view.axes;
    // Seen along the screen, counter-clockwise is about right x up, which may be -normal.
    const facing = Math.sign(dot(normal, cross(right, up)));
    this.viewer.turn(normal, (angle(to) - angle(this.last)) * -facing);
  }
}

export interface GestureHooks {
  /** Called on every change made by hand, so that the engine may draw coarsely. */
  moving: () => void;
  /** The wheel reached the end of the stack. */
  end: () => void;
}

/** Attach to the element that covers a viewport. */
export function gestures(viewer: Viewer, viewport: Viewport, hooks: GestureHooks) {
  return (node: HTMLElement): (() => void) => {
    let press: Press | null = null;
    let rest = 0;
    const point = (event: MouseEvent): Point => {
      const box = node.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const located = (event: PointerEvent): PointerAt | null => {
      const view = viewer.view(viewport);
      return view ? { viewport, view, mm: screenToWorld(view, point(event)), event } : null;
    };

    const down = (event: PointerEvent): void => {
      viewer.active = viewport.index;
      const gesture = gestureOf(event);
      const at = located(event);
      if (!gesture || !at || press) return;
      event.preventDefault();
      node.setPointerCapture(event.pointerId);
      const taken = gesture !== "window" && (viewer.tool?.down(at) ?? false);
      press = new Press(viewer, viewport, taken ? "tool" : gesture, point(event));
      if (press.gesture === "crosshair") press.move(point(event), at.view);
    };
    const move = (event: PointerEvent): void => {
      const at = located(event);
      if (!at) return;
      if (!press || press.gesture === "tool") return viewer.tool?.move?.(at);
      hooks.moving();
      press.move(point(event), at.view);
    };
    const up = (event: PointerEvent): void => {
      const at = located(event);
      if (press?.gesture === "tool" && at) viewer.tool?.up?.(at);
      press = null;
    };
    const wheel = (event: WheelEvent): void => {
      const view = viewer.view(viewport);
      if (!view) return;
      event.preventDefault();
      hooks.moving();
      if (event.ctrlKey || event.metaKey) return zoom(event, view);
      rest += notches(event);
      const whole = Math.trunc(rest);
      rest -= whole;
      if (whole === 0) return;
      if (event.shiftKey) return stepFrame(viewport, whole);
      if (!viewer.step(viewport, whole * viewer.scrollSpeed)) hooks.end();
    };
    const zoom = (event: WheelEvent, view: View): void => {
      const factor = ZOOM_PER_NOTCH ** (notches(event) * Math.sqrt(viewer.scrollSpeed));
      viewer.zoom(viewport, screenToWorld(view, point(event)), factor);
    };
    const noMenu = (event: Event): void => event.preventDefault();
    const noScroll = (event: MouseEvent): void => {
      if (event.button === 1) event.preventDefault();
    };

    node.addEventListener("pointerdown", down);
    node.addEventListener("pointermove", move);
    node.addEventListener("pointerup", up);
    node.addEventListener("pointercancel", up);
    node.addEventListener("wheel", wheel, { passive: false });
    node.addEventListener("contextmenu", noMenu);
    node.addEventListener("mousedown", noScroll);
    return () => {
      node.removeEventListener("pointerdown", down);
      node.removeEventListener("pointermove", move);
      node.removeEventListener("pointerup", up);
      node.removeEventListener("pointercancel", up);
      node.removeEventListener("wheel", wheel);
      node.removeEventListener("contextmenu", noMenu);
      node.removeEventListener("mousedown", noScroll);
    };
  };
}

/** Next time point of every series in the viewport. */
function stepFrame(viewport: Viewport, by: number): void {
  for (const layer of viewport.layers) {
    const n = layer.volume?.frames ?? 1;
    if (n > 1) layer.frame = Math.min(n - 1, Math.max(0, layer.frame + by));
  }
}
