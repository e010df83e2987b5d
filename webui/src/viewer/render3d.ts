// What a viewport in 3D shows of its images and from where: plain values, saved with the view.

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
}

export const CAMERA: Camera = { azimuth: 125, elevation: 12 };

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
