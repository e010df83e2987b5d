import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gestureOf, gestures } from "./gestures";
import { lineAt, lineTo } from "./crosshairline";
import { inSlice, MOST_PINS, pinAt, pins } from "./pins.svelte";
import { worldToScreen } from "./planes";
import { niftiBytes } from "./reduce";
import { Viewer } from "./viewer.svelte";
import type { Viewport } from "./viewport.svelte";

const AFFINE = [2, 0, 0, -10, 0, 2, 0, -20, 0, 0, 2, -30, 0, 0, 0, 1];
const FRAMES = 3;

/** A series of three time points, made of one volume. */
function series(): Uint8Array<ArrayBuffer> {
  const one = niftiBytes([10, 12, 14], AFFINE, new Uint8Array(1680).fill(7));
  const out = new Uint8Array(352 + 1680 * FRAMES);
  out.set(one.subarray(0, 352));
  for (let frame = 0; frame < FRAMES; frame++) out.set(one.subarray(352), 352 + 1680 * frame);
  const view = new DataView(out.buffer);
  view.setInt16(40, 4, true);
  view.setInt16(48, FRAMES, true);
  return out;
}

let viewer: Viewer;
let viewport: Viewport;
let node: HTMLElement;
let detach: () => void;
beforeEach(async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(series())));
  viewer = new Viewer();
  viewer.link = true;
  for (const one of viewer.viewports) one.rect = { left: 0, top: 0, width: 200, height: 200 };
  await viewer.open({ id: 1, name: "bold.nii", kind: "image", volume_url: "/v/bold.nii" });
  viewport = viewer.viewports.find(({ kind }) => kind === "axial")!;
  node = document.createElement("div");
  node.setPointerCapture = () => undefined;
  const hooks = { moving: () => undefined, end: () => undefined, double: () => undefined };
  detach = gestures(viewer, viewport, hooks)(node);
  pins.clear();
});
afterEach(() => {
  detach();
  pins.clear();
  vi.unstubAllGlobals();
});

function send(type: string, x: number, y: number, more: MouseEventInit = {}): void {
  const event = new MouseEvent(type, { clientX: x, clientY: y, button: 0, ...more });
  node.dispatchEvent(Object.assign(event, { pointerId: 1 }));
}
const cross = () => worldToScreen(viewer.view(viewport)!, viewer.crosshair);
const click = (x: number, y: number): void => {
  const both = { ctrlKey: true, shiftKey: true };
  send("pointerdown", x, y, both);
  send("pointerup", x, y, both);
};

describe("VIEW-x09 pins of a series in time", () => {
  it("come and go by Ctrl+Shift+click, and leave the crosshair alone", () => {
    const before = viewer.crosshair;
    click(80, 90);
    click(120, 110);
    expect(pins.list.map(({ n }) => n)).toEqual([1, 2]);
    expect(viewer.crosshair).toEqual(before);
    const at = worldToScreen(viewer.view(viewport)!, pins.list[0]!.mm);
    expect([Math.round(at.x), Math.round(at.y)]).toEqual([80, 90]);
    click(82, 91);
    expect(pins.list.map(({ n }) => n)).toEqual([2]);
    click(60, 60);
    expect(pins.list.map(({ n }) => n)).toEqual([1, 2]);
  });

  it("are seen and taken only in their slice", () => {
    click(80, 90);
    const [pin] = pins.list;
    const view = viewer.view(viewport)!;
    expect(inSlice(view, 2, pin!)).toBe(true);
    viewer.step(viewport, 1);
    const next = viewer.view(viewport)!;
    expect(inSlice(next, 2, pin!)).toBe(false);
    expect(pinAt(next, 2, { x: 80, y: 90 })).toBeUndefined();
  });

  it("are no more than can be told apart, and go with the last image", () => {
    for (let i = 0; i < MOST_PINS + 2; i++) pins.add([i, 0, 0]);
    expect(pins.list.length).toBe(MOST_PINS);
    expect(new Set(pins.list.map(({ colour }) => colour.join())).size).toBe(MOST_PINS);
    viewer.closeAll();
    expect(pins.list).toEqual([]);
  });

  it("mean turning where nothing is a series", () => {
    expect(gestureOf({ button: 0, ctrlKey: true, metaKey: false, shiftKey: true })).toBe("pin");
    for (const one of viewer.viewports) one.layers = [];
    click(80, 90);
    expect(pins.list).toEqual([]);
  });
});

describe("VIEW-x09 one line of the crosshair", () => {
  it("is the one under the pointer, but not where they cross", () => {
    const view = viewer.view(viewport)!;
    const { x, y } = cross();
    expect(lineAt(view, viewer.crosshair, { x: x + 3, y: y + 40 })).toBe("upright");
    expect(lineAt(view, viewer.crosshair, { x: x - 40, y: y - 3 })).toBe("level");
    expect(lineAt(view, viewer.crosshair, { x: x + 2, y: y + 2 })).toBeNull();
    expect(lineAt(view, viewer.crosshair, { x: x + 30, y: y + 30 })).toBeNull();
    const moved = lineTo(view, viewer.crosshair, "upright", { x: x + 10, y: y + 40 });
    expect(worldToScreen(view, moved).y).toBeCloseTo(y, 6);
    expect(worldToScreen(view, moved).x).toBeCloseTo(x + 10, 6);
  });

  it("moves with Shift while the other one and the picture stay", () => {
    const { x, y } = cross();
    const { centre } = viewport;
    send("pointermove", x, y + 40, { shiftKey: true });
    expect(node.style.cursor).toBe("col-resize");
    send("pointerdown", x, y + 40, { shiftKey: true });
    send("pointermove", x + 24, y + 60, { shiftKey: true });
    send("pointerup", x + 24, y + 60, { shiftKey: true });
    expect(cross().x).toBeCloseTo(x + 24, 3);
    expect(cross().y).toBeCloseTo(y, 3);
    expect(viewport.centre).toBe(centre);
  });

  it("leaves Shift+drag elsewhere to moving the picture", () => {
    const before = viewer.crosshair;
    send("pointerdown", 20, 20, { shiftKey: true });
    send("pointermove", 50, 20, { shiftKey: true });
    send("pointerup", 50, 20, { shiftKey: true });
    expect(viewer.crosshair).toEqual(before);
    expect(viewport.centre).not.toBeNull();
  });
});
