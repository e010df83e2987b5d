// Places of series in time whose curves stay while the crosshair goes on; each has a colour.
import type { Rgb } from "./colormaps";
import { MASK_COLOURS } from "./colormaps";
import type { Vec3 } from "./linalg";
import { sub, dot } from "./linalg";
import type { View } from "./planes";
import { worldToScreen } from "./planes";
import type { Point } from "./types";

export interface Pin {
  /** Its number, which it keeps: the first one is 1. */
  n: number;
  mm: Vec3;
  colour: Rgb;
}

const COLOURS: readonly Rgb[] = [
  // Not the third one, which is nearly that of the crosshair.
  ...MASK_COLOURS.filter((_, i) => i !== 2),
  [120, 220, 255],
  [150, 230, 120],
  [255, 160, 140],
  [220, 180, 255],
  [200, 200, 200],
  [180, 160, 110],
];

/** How near to a pin the pointer takes it. */
const NEAR_PX = 9;
/** More curves than these nobody can tell apart. */
export const MOST_PINS = COLOURS.length;

class Pins {
  list: readonly Pin[] = $state.raw([]);

  /** False when there are as many as there may be. */
  add(mm: Vec3): boolean {
    if (this.list.length >= MOST_PINS) return false;
    const n = [...Array(MOST_PINS).keys()].find((i) => this.list.every((pin) => pin.n !== i + 1))!;
    const pin = { n: n + 1, mm, colour: COLOURS[n]! };
    this.list = [...this.list, pin].sort((a, b) => a.n - b.n);
    return true;
  }

  remove(pin: Pin): void {
    this.list = this.list.filter((one) => one !== pin);
  }

  clear(): void {
    if (this.list.length) this.list = [];
  }
}

export const pins = new Pins();

/** Whether a pin lies in the slice that a view shows. */
export const inSlice = (view: View, stepMm: number, { mm }: Pin): boolean =>
  Math.abs(dot(sub(mm, view.origin), view.axes.normal)) <= Math.max(stepMm, 0.1) / 2 + 1e-6;

/** The pin under a point of a view. */
export function pinAt(view: View, stepMm: number, at: Point): Pin | undefined {
  return pins.list.find((pin) => {
    const p = worldToScreen(view, pin.mm);
    return inSlice(view, stepMm, pin) && Math.hypot(p.x - at.x, p.y - at.y) <= NEAR_PX;
  });
}
