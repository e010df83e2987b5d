// What a tool of the viewer hears of the pointer before the viewer's own gestures do.
import type { Vec3 } from "./linalg";
import type { View } from "./planes";
import type { Point } from "./types";
import type { Viewport } from "./viewport.svelte";

/** A tool that may take the left and the right button; true means the gesture is its own. */
export interface PointerTool {
  /** CSS cursor over the planes. */
  readonly cursor?: string;
  /** Its pens are on: it is asked first. */
  readonly active?: boolean;
  /** Switch its pens off: another tool's are on now. */
  stop?: () => void;
  down: (at: PointerAt) => boolean;
  move?: (at: PointerAt) => void;
  /** The gesture is over; null: its viewport shows nothing any more. */
  up?: (at: PointerAt | null) => void;
  /** The pointer has left the viewport without a button. */
  leave?: () => void;
  /** True means that the tool used the wheel. */
  wheel?: (event: WheelEvent) => boolean;
  /** True means that the tool used the double click. */
  double?: (at: PointerAt) => boolean;
}

export interface PointerAt {
  viewport: Viewport;
  /** The plane under the pointer: in a mosaic that of the tile. */
  view: View;
  /** Inside the view's rectangle, in CSS pixels. */
  point: Point;
  mm: Vec3;
  /** Everywhere the pointer has been since the last event, oldest first; ends with `mm`. */
  path: readonly Vec3[];
  pressed: boolean;
  event: PointerEvent;
}
