// Turns the planes of the viewer into a system that the points of a set define.
import { viewer } from "../../viewer";
import { pose } from "../../viewer/geometry";
import type { MarkerSet } from "./markers.svelte";
import { mmOf } from "./model";
import { acpcFrame, threePointFrame, turnOnto } from "./systems";
import { middleOf } from "./vectors";

export type System = "acpc" | "three";

/** Turn the planes; key r turns them back. */
export function align(set: MarkerSet, system: System): void {
  const { volume } = viewer.activeViewport;
  const points = set.data.points.map(mmOf);
  const frame = (system === "acpc" ? acpcFrame : threePointFrame)(points);
  if (!volume || !frame) return;
  viewer.rotation = turnOnto(pose(viewer, volume).upright, frame);
  viewer.setCrosshair(middleOf(points.slice(0, system === "acpc" ? 2 : 3)));
}
