// Mouse and wheel over a viewport in 3D: turn, move, enlarge; NORA's way, the wheel as in planes.
import { screenAxes } from "./eye";
import { add, scale } from "./linalg";
import { notches } from "./gestures";
import type { Camera } from "./render3d";
import { ZOOM_3D } from "./render3d";

const DEGREES_PER_PX = 0.5;
const ZOOM_PER_NOTCH = 1.1;

const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));

/** What is in front follows the pointer; the head stays upright. */
export const orbit = (camera: Camera, dx: number, dy: number): Camera => ({
  ...camera,
  azimuth: (((camera.azimuth + dx * DEGREES_PER_PX) % 360) + 360) % 360,
  elevation: clamp(camera.elevation + dy * DEGREES_PER_PX, -90, 90),
});

/** Everything follows the pointer. */
export function slide(camera: Camera, dx: number, dy: number, mmPerPx: number): Camera {
  const { right, up } = screenAxes(camera);
  const moved = add(scale(right, -dx * mmPerPx), scale(up, dy * mmPerPx));
  return { ...camera, pan: add(camera.pan, moved) };
}

export const enlarge = (camera: Camera, by: number): Camera => ({
  ...camera,
  zoom: clamp(camera.zoom * ZOOM_PER_NOTCH ** by, ZOOM_3D.least, ZOOM_3D.most),
});

export interface Hooks3d {
  camera: Camera;
  readonly mmPerPx: number;
  double: () => void;
}

/** Attach to what covers the picture. */
export function gestures3d(hooks: Hooks3d) {
  return (node: HTMLElement): (() => void) => {
    const off = new AbortController();
    const listen = { signal: off.signal };
    let last: PointerEvent | null = null;
    let moves = false;
    node.addEventListener(
      "pointerdown",
      (event) => {
        if (last) return;
        event.preventDefault();
        node.setPointerCapture(event.pointerId);
        moves = event.button !== 0 || event.shiftKey;
        last = event;
      },
      listen,
    );
    node.addEventListener(
      "pointermove",
      (event) => {
        if (!last) return;
        const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
        last = event;
        const { camera } = hooks;
        hooks.camera = moves ? slide(camera, dx, dy, hooks.mmPerPx) : orbit(camera, dx, dy);
      },
      listen,
    );
    const end = (): void => void (last = null);
    node.addEventListener("pointerup", end, listen);
    node.addEventListener("pointercancel", end, listen);
    node.addEventListener("dblclick", () => hooks.double(), listen);
    node.addEventListener("contextmenu", (event) => event.preventDefault(), listen);
    node.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        hooks.camera = enlarge(hooks.camera, notches(event));
      },
      { ...listen, passive: false },
    );
    return () => off.abort();
  };
}
