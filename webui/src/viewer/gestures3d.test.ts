import { describe, expect, it } from "vitest";
import { screenAxes } from "./eye";
import { enlarge, gestures3d, orbit, slide } from "./gestures3d";
import { viewerActions } from "./keys";
import { dot } from "./linalg";
import { cameraLetters } from "./planes";
import { CAMERA, readCamera, STAND, STANDS, ZOOM_3D } from "./render3d";
import { Viewer } from "./viewer.svelte";

const front = { ...CAMERA, ...STAND.A };

describe("the camera in 3D", () => {
  it("VIEW-30: jumps to six sides, upright", () => {
    const seen = STANDS.map((side) => {
      const { left, right, top, bottom } = cameraLetters(
        STAND[side].azimuth,
        STAND[side].elevation,
      );
      return `${side} ${left}${right}${top}${bottom}`;
    });
    expect(seen).toEqual(["A RLSI", "P LRSI", "L APSI", "R PASI", "S LRAP", "I LRPA"]);
  });

  it("VIEW-30: is an action for each side, offered while there is a viewport in 3D", () => {
    const viewer = new Viewer();
    viewer.setLayout("2x2");
    const actions = viewerActions(viewer);
    const of = (side: string) => actions.find(({ id }) => id === `viewer.camera.${side}`)!;
    for (const viewport of viewer.viewports) viewport.kind = "axial";
    expect(of("L").enabled!()).toBe(false);
    viewer.viewports[3]!.kind = "3d";
    expect(of("L").enabled!()).toBe(true);
    of("L").run();
    expect(viewer.viewports[3]!.camera).toEqual({ ...CAMERA, ...STAND.L });
    viewer.reset();
    expect(viewer.viewports[3]!.camera).toEqual(CAMERA);
  });

  it("VIEW-x09: turns so that what is in front follows the pointer", () => {
    const nose = [0, 1, 0] as const;
    const turned = screenAxes(orbit(front, 10, 0));
    expect(dot(turned.right, nose)).toBeGreaterThan(0);
    const tipped = screenAxes(orbit(front, 0, 10));
    expect(dot(tipped.up, nose)).toBeLessThan(0);
    expect(orbit(front, 0, 1000).elevation).toBe(90);
    expect(orbit(front, 1000, 0).azimuth).toBeLessThan(360);
  });

  it("VIEW-x09: moves everything with the pointer, by as many millimetres", () => {
    const moved = slide(front, 10, -4, 0.5);
    const { right, up } = screenAxes(front);
    expect(dot(moved.pan, right)).toBeCloseTo(-5, 9);
    expect(dot(moved.pan, up)).toBeCloseTo(-2, 9);
  });

  it("VIEW-x09: enlarges by the wheel within what the renderer can", () => {
    expect(enlarge(front, 1).zoom).toBeCloseTo(1.1, 9);
    expect(enlarge(front, 50).zoom).toBe(ZOOM_3D.most);
    expect(enlarge(front, -50).zoom).toBe(ZOOM_3D.least);
  });

  it("comes back from JSON of any origin", () => {
    const given = { azimuth: 10, elevation: 200, zoom: 9, pan: [1, "x", 3] };
    expect(readCamera(JSON.parse(JSON.stringify(given)))).toEqual({
      azimuth: 10,
      elevation: 90,
      zoom: 2,
      pan: [1, 0, 3],
    });
    expect(readCamera(undefined)).toEqual(CAMERA);
  });
});

describe("VIEW-x09 mouse in 3D", () => {
  it("left turns, right and Shift move, a double click is told", () => {
    const node = document.createElement("div");
    node.setPointerCapture = () => undefined;
    let doubles = 0;
    const hooks = { camera: front, mmPerPx: 1, double: () => void doubles++ };
    const off = gestures3d(hooks)(node);
    const send = (type: string, x: number, more: MouseEventInit = {}): void => {
      const event = new MouseEvent(type, { clientX: x, clientY: 0, button: 0, ...more });
      node.dispatchEvent(Object.assign(event, { pointerId: 1 }));
    };
    const drag = (more: MouseEventInit): void => {
      send("pointerdown", 0, more);
      send("pointermove", 8, more);
      send("pointerup", 8, more);
    };
    drag({});
    expect([hooks.camera.azimuth, hooks.camera.pan]).toEqual([184, [0, 0, 0]]);
    drag({ button: 2 });
    drag({ shiftKey: true });
    expect(hooks.camera.azimuth).toBe(184);
    expect(Math.hypot(...hooks.camera.pan)).toBeCloseTo(16, 6);
    send("dblclick", 0);
    expect(doubles).toBe(1);
    off();
    drag({});
    expect(hooks.camera.azimuth).toBe(184);
  });
});
