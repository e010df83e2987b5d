// The camera of 3D in numbers: axes of its screen, what it sees, and how deep things lie for it.
import type { Vec3 } from "./linalg";

/** Half of the shorter side shows this share of the reach; the eye is so many halves away. */
const SHOWN = 0.8;
const AWAY = 1.8;
const NEAREST = 0.01;
const FARTHEST = 8;

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** To the right, upwards and towards the eye, in the world. */
export function screenAxes(camera: { azimuth: number; elevation: number }) {
  const [a, e] = [radians(camera.azimuth), radians(camera.elevation)];
  const right: Vec3 = [Math.cos(a), -Math.sin(a), 0];
  const up: Vec3 = [Math.sin(a) * Math.sin(e), Math.cos(a) * Math.sin(e), Math.cos(e)];
  const near: Vec3 = [-Math.sin(a) * Math.cos(e), -Math.cos(a) * Math.cos(e), Math.sin(e)];
  return { right, up, near };
}

/** What a picture shows: how far everything reaches (mm), and how much it is enlarged. */
interface Seen {
  reach: number;
  zoom: number;
}

const half = ({ reach, zoom }: Seen): number => (SHOWN * reach) / zoom;

/** Millimetres from the middle of a picture to its sides. */
export function halves(pose: Seen, width: number, height: number) {
  const short = half(pose);
  return width < height
    ? { width: short, height: (short * height) / width }
    : { width: (short * width) / height, height: short };
}

/** Depth in the renderer's buffer: that of the middle, and how much less a millimetre nearer is. */
export function depths(pose: Seen): { middle: number; perMm: number } {
  const u = half(pose);
  const range = (FARTHEST - NEAREST) * u;
  return { middle: ((AWAY - NEAREST) * u) / range, perMm: 1 / range };
}
