// Where a place of the world lies on the picture of a 3D viewport: the renderer's own projection.
import type { Vec3 } from "./linalg";

/** How the renderer looks at the world now. */
export interface Pose3d {
  /** Degrees, as of the camera. */
  azimuth: number;
  elevation: number;
  /** What it turns around, world mm. */
  pivot: Vec3;
  /** Distance of the farthest corner from there, mm. */
  reach: number;
  /** Above 1: larger. */
  zoom: number;
}

export interface Placed3d {
  x: number;
  y: number;
  /** Distance in mm from the middle towards the eye. */
  near: number;
}

export interface Projection3d {
  place: (mm: Vec3) => Placed3d;
  pxPerMm: number;
  reach: number;
}

/** Share of the reach that half of the picture's shorter side shows. */
const SHOWN = 0.8;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** The projection onto a picture of some size; it is parallel, without perspective. */
export function projection3d(pose: Pose3d, width: number, height: number): Projection3d {
  const { pivot, reach, zoom } = pose;
  const pxPerMm = (Math.min(width, height) * zoom) / (2 * SHOWN * reach);
  const [az, el] = [radians(pose.azimuth), radians(pose.elevation - 90)];
  const [ca, sa, ce, se] = [Math.cos(az), Math.sin(az), Math.cos(el), Math.sin(el)];
  const place = (mm: Vec3): Placed3d => {
    const [x, y, z] = [mm[0] - pivot[0], mm[1] - pivot[1], mm[2] - pivot[2]];
    const aside = ca * x - sa * y;
    const depth = sa * x + ca * y;
    const up = ce * depth - se * z;
    const near = se * depth + ce * z;
    return { x: width / 2 + aside * pxPerMm, y: height / 2 - up * pxPerMm, near };
  };
  return { place, pxPerMm, reach };
}
