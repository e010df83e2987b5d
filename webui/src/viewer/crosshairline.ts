// One line of the crosshair taken by the pointer: which one, and where it takes the crosshair.
import type { Vec3 } from "./linalg";
import type { View } from "./planes";
import { screenToWorld, worldToScreen } from "./planes";
import type { Point } from "./types";

export type Line = "upright" | "level";

/** How near to a line the pointer takes it. */
const NEAR_PX = 6;
/** Where both lines are as near nobody can tell which one is meant. */
const APART_PX = 10;

/** The line under the pointer, null: none, or the place where they cross. */
export function lineAt(view: View, mm: Vec3, at: Point): Line | null {
  const cross = worldToScreen(view, mm);
  const [dx, dy] = [Math.abs(at.x - cross.x), Math.abs(at.y - cross.y)];
  if (dx <= NEAR_PX && dy > APART_PX) return "upright";
  return dy <= NEAR_PX && dx > APART_PX ? "level" : null;
}

/** The crosshair once one of its lines goes through a point; the other one stays. */
export function lineTo(view: View, mm: Vec3, line: Line, to: Point): Vec3 {
  const cross = worldToScreen(view, mm);
  const point = line === "upright" ? { x: to.x, y: cross.y } : { x: cross.x, y: to.y };
  return screenToWorld(view, point);
}

export const LINE_CURSOR: Record<Line, string> = { upright: "col-resize", level: "row-resize" };
