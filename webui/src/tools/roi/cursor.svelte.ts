// Where the pen is and what it would draw; nothing of it is in a mask.
import type { Viewport } from "../../viewer";
import type { Triple } from "./kernels/box";
import type { Patch } from "./kernels/pens";

class Cursor {
  at: { viewport: Viewport; mm: Triple } | null = $state.raw(null);
  radiusMm = $state(0);
  patch: Patch | null = $state.raw(null);
  /** Said beside the pen, such as the tolerance of free growing. */
  note = $state("");
}

export const cursor = new Cursor();
