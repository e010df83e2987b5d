// What a viewport in 3D shows of its images and from where: plain values, saved with the view.

import type { Vec3 } from "./linalg";

export type Side = "L" | "R" | "A" | "P" | "S" | "I";
export const SIDES_CUT: readonly Side[] = ["L", "R", "A", "P", "S", "I"];

export interface Render3d {
  /** Image as a cloud of its values, as the surface where it passes a level, or not at all;
   * null: as a cloud unless there are surfaces or fibers, which it would hide. */
  as: "volume" | "surface" | "none" | null;
  /** Level of the surface in display units; null: the lower limit of the window. */
  level: number | null;
  /** From which side the image is cut away; null: it is whole. */
  cut: Side | null;
  /** How much is cut away, 0 to 1. */
  depth: number;
  /** Overlays are shown too. */
  overlays: boolean;
}

export const RENDER: Render3d = { as: null, level: null, cut: null, depth: 0.4, overlays: false };

export interface Camera {
  /** Degrees: 0 behind, 90 at the patient's left. */
  azimuth: number;
  elevation: number;
  /** 1: everything fits. */
  zoom: number;
  /** How far the middle of the picture is from that of everything, mm. */
  pan: Vec3;
}

export const CAMERA: Camera = { azimuth: 125, elevation: 12, zoom: 1, pan: [0, 0, 0] };
/** Beyond it the renderer would cut off what is near. */
export const ZOOM_3D = { least: 0.5, most: 2 } as const;

/** Where the camera stands to look straight from a side, with the head upright. */
export const STAND: Record<Side, Pick<Camera, "azimuth" | "elevation">> = {
  A: { azimuth: 180, elevation: 0 },
  P: { azimuth: 0, elevation: 0 },
  L: { azimuth: 90, elevation: 0 },
  R: { azimuth: 270, elevation: 0 },
  S: { azimuth: 0, elevation: 90 },
  I: { azimuth: 0, elevation: -90 },
};
export const STANDS: readonly Side[] = ["A", "P", "L", "R", "S", "I"];

/** A camera from JSON of any origin. */
export function readCamera(given: Partial<Camera> | undefined): Camera {
  const { azimuth, elevation, zoom, pan } = given ?? {};
  const or = (value: unknown, usual: number): number =>
    typeof value === "number" && Number.isFinite(value) ? value : usual;
  return {
    azimuth: or(azimuth, CAMERA.azimuth),
    elevation: Math.min(90, Math.max(-90, or(elevation, CAMERA.elevation))),
    zoom: Math.min(ZOOM_3D.most, Math.max(ZOOM_3D.least, or(zoom, 1))),
    pan: [0, 1, 2].map((axis) => or(pan?.[axis], 0)) as unknown as Vec3,
  };
}

/** Where a cutting plane faces, in the camera's angles. */
const FACES: Record<Side, readonly [azimuth: number, elevation: number]> = {
  L: [270, 0],
  R: [90, 0],
  A: [180, 0],
  P: [0, 0],
  S: [0, 90],
  I: [0, -90],
};

/** Depth (0.5 at the near side, -0.5 at the far one), azimuth and elevation; null: no cut. */
export function clipPlane({ cut, depth }: Render3d): [number, number, number] | null {
  if (!cut) return null;
  const [azimuth, elevation] = FACES[cut];
  return [0.5 - Math.min(1, Math.max(0, depth)), azimuth, elevation];
}

/** Settings from JSON of any origin. */
export function readRender(given: Partial<Render3d> | undefined): Render3d {
  const { as = null, level = null, cut = null, depth, overlays = false } = given ?? {};
  return {
    as: as === "volume" || as === "surface" || as === "none" ? as : null,
    level: typeof level === "number" && Number.isFinite(level) ? level : null,
    cut: SIDES_CUT.find((side) => side === cut) ?? null,
    depth: typeof depth === "number" ? Math.min(1, Math.max(0, depth)) : RENDER.depth,
    overlays: Boolean(overlays),
  };
}
