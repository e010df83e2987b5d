// DBS leads: moved along their way, and looked along.
import { viewer } from "../../viewer";
import type { MarkerSet } from "./markers.svelte";
import { markers } from "./markers.svelte";
import { leadEnds, mmOf, shiftAll } from "./model";
import { text } from "./strings";
import { turnBetween } from "./turning";
import type { Vec3 } from "./vectors";
import { norm, sub, times, unit } from "./vectors";

/** From the end to the tip. */
function direction(set: MarkerSet): Vec3 | null {
  const ends = leadEnds(set.data);
  if (!ends) return null;
  const way = sub(mmOf(ends.tip), mmOf(ends.end));
  return norm(way) > 0 ? unit(way) : null;
}

/** Move a lead along itself; deeper is towards its tip. */
export function alongLead(set: MarkerSet, mm: number): void {
  const way = direction(set);
  if (way) markers.edit(set, shiftAll(set.data, times(way, mm)), text.stepMove);
}

/** Turn the planes so that the active viewport looks along a lead, through its tip. */
export function lookAlong(set: MarkerSet): void {
  const way = direction(set);
  const ends = leadEnds(set.data);
  const view = viewer.view(viewer.activeViewport);
  if (!way || !ends || !view) return;
  const turn = turnBetween(view.axes.normal, way);
  if (turn) viewer.turn(turn.axis, turn.radians);
  viewer.setCrosshair(mmOf(ends.tip));
}
