// The ruler and the angle as a tool of the viewer: drawn by drag, ends can be moved.
import type { Measurement, MeasureKind } from "./measure";
import { lengthOf } from "./lengths";
import type { Vec3 } from "./linalg";
import { worldToScreen } from "./planes";
import type { PointerAt, PointerTool } from "./tools";

const NEAR_PX = 9;

export class Measuring {
  kind: MeasureKind | null = $state(null);
  all: Measurement[] = $state.raw([]);
  /** Which point of which measurement the pointer holds. */
  private held: { of: number; point: number } | null = null;

  /** Switch a kind on, or off again. */
  choose(kind: MeasureKind | null): void {
    this.finish();
    this.kind = kind === this.kind ? null : kind;
  }

  clear(): void {
    this.all = [];
    this.held = null;
  }

  remove(index: number): void {
    this.all = this.all.filter((_, i) => i !== index);
  }

  /** An angle without its second leg is nothing. */
  private finish(): void {
    this.all = this.all.filter(({ kind, points }) => points.length === (kind === "ruler" ? 2 : 3));
    this.held = null;
  }

  private put(mm: Vec3): void {
    const { held } = this;
    if (!held) return;
    this.all = this.all.map((one, i) =>
      i === held.of ? { ...one, points: one.points.with(held.point, mm) } : one,
    );
  }

  private near(at: PointerAt): { of: number; point: number } | null {
    for (const [of, { points }] of this.all.entries())
      for (const [point, mm] of points.entries()) {
        const p = worldToScreen(at.view, mm);
        if (Math.hypot(p.x - at.point.x, p.y - at.point.y) < NEAR_PX) return { of, point };
      }
    return null;
  }

  private begin(at: PointerAt): void {
    const last = this.all.length - 1;
    const open = this.all[last];
    if (open?.kind === "angle" && open.points.length === 2) {
      this.all = [...this.all.slice(0, -1), { ...open, points: [...open.points, at.mm] }];
      this.held = { of: last, point: 2 };
      return;
    }
    const length = lengthOf(at.viewport.volume?.header);
    this.all = [...this.all, { kind: this.kind!, points: [at.mm, at.mm], length }];
    this.held = { of: last + 1, point: 1 };
  }

  /** Measuring as the viewer's pointers see it. */
  tool(): PointerTool {
    const isOn = (): boolean => this.kind !== null;
    return {
      ...this.handlers,
      get cursor() {
        return isOn() ? "crosshair" : "";
      },
      get active() {
        return isOn();
      },
    };
  }

  private readonly handlers: PointerTool = {
    stop: () => {
      if (this.kind) this.choose(null);
    },
    down: (at) => {
      if (!this.kind || at.event.button !== 0 || at.event.ctrlKey) return false;
      this.held = this.near(at);
      if (!this.held) this.begin(at);
      return true;
    },
    move: (at) => {
      if (at.pressed) this.put(at.mm);
    },
    up: () => {
      const { held } = this;
      const one = held ? this.all[held.of] : undefined;
      // A click without a drag measures nothing.
      if (one && one.points.length === 2 && one.points[0] === one.points[1]) this.remove(held!.of);
      this.held = null;
    },
  };
}
