// The size of a point by wheel and keys: one turn of the wheel is one step of undo.
import { history } from "../history.svelte";
import { hand } from "./hand.svelte";
import type { MarkerSet } from "./markers.svelte";
import { markers } from "./markers.svelte";
import type { SetData } from "./model";
import { patchPoint, radiusOf } from "./model";
import { text } from "./strings";

export const SMALLEST_MM = 0.1;
const TURN_MS = 700;

let turned: { set: MarkerSet; id: string; before: SetData; after: SetData; at: number } | null =
  null;

function size(set: MarkerSet, id: string, by: number): void {
  const point = set.point(id);
  if (!point || set.locked === 2 || typeof point.size === "object") return;
  const radius = Math.max(SMALLEST_MM, radiusOf(set.data, point) * 1.1 ** by);
  const next = patchPoint(set.data, id, { size: Number(radius.toFixed(2)) });
  const now = performance.now();
  const goesOn = turned?.id === id && turned.after === set.data && now - turned.at < TURN_MS;
  const before = goesOn ? turned!.before : set.data;
  if (goesOn) history.undo();
  set.data = next;
  markers.remember(set, before, text.stepSize);
  turned = { set, id, before, after: next, at: now };
}

/** Make the marked point larger or smaller. */
export function resizeMarked(by: number): void {
  const { current, point } = markers;
  if (current && point) size(current, point, by);
}

export function wheel(event: WheelEvent): boolean {
  const up = (event.deltaY || event.deltaX) < 0 ? 1 : -1;
  if (event.ctrlKey && markers.pen && markers.current?.data.type === "scribble") {
    hand.pushPx = Math.min(200, Math.max(6, Math.round(hand.pushPx * 1.15 ** up)));
    return true;
  }
  const { over } = hand;
  const set = event.shiftKey && over ? markers.list.find((one) => one.key === over.set) : undefined;
  if (!set || !over) return false;
  size(set, over.id, up);
  return true;
}
