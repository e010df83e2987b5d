// Where the pointer of the marker tool is and what it holds; nothing of it is saved.
import type { Viewport } from "../../viewer";
import type { MarkerSet } from "./markers.svelte";
import type { Vec3 } from "./vectors";

class Hand {
  /** Over which point the pointer is. */
  over: { set: string; id: string } | null = $state.raw(null);
  at: { viewport: Viewport; mm: Vec3 } | null = $state.raw(null);
  /** An outline that is being drawn. */
  way: readonly Vec3[] = $state.raw([]);
  /** A template that is dragged out of the list. */
  carried: { set: MarkerSet; name: string } | null = $state.raw(null);
  /** How far the pusher of outlines reaches, in pixels. */
  pushPx = $state(24);
  pushing = $state(false);
}

export const hand = new Hand();
