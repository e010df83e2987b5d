// Shapes shared inside the viewer and with its callers; no behaviour.
import type { Vec3 } from "./linalg";

/** What the viewer needs of a file row of the API. */
export interface FileRow {
  id: number;
  key?: string;
  psid?: string;
  study_id?: number;
  path?: string;
  folder?: string;
  name: string;
  kind: string;
  size_bytes?: number;
  version?: string | number | null;
  tags?: readonly string[];
  header?: {
    shape?: readonly number[];
    voxel_mm?: readonly number[];
    dtype?: string;
    n_volumes?: number;
  } | null;
  content_url?: string | null;
  volume_url?: string | null;
}

export type Role = "background" | "overlay" | "labels" | "surface" | "streamlines";
export type VolumeRole = "background" | "overlay" | "labels";
export type PlaneName = "axial" | "coronal" | "sagittal";
export type ViewKind = PlaneName | "3d";

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Size {
  left: number;
  top: number;
}

export interface Point {
  x: number;
  y: number;
}

/** Lower and upper display limit, in display units (stored value * slope + intercept). */
export interface Limits {
  low: number;
  high: number;
}

/** Value of one layer under the crosshair. */
export interface Readout {
  layerId: string;
  voxel: Vec3 | null;
  value: number | readonly number[] | null;
  /** As stored in the file, when slope or intercept change it. */
  raw: number | null;
  unit: string;
  name: string;
  /** Name of the label, "" where there is none. */
  label: string;
}
