// One place of the viewer: the plane it shows, its layers, and how far it is moved and enlarged.
import type { Layer } from "./layer.svelte";
import type { Place } from "./layouts";
import type { Mat3, Vec3 } from "./linalg";
import { add, dot, scale, sub } from "./linalg";
import type { Look } from "./look";
import type { MosaicState } from "./mosaic";
import { MOSAIC } from "./mosaic";
import type { Camera, Render3d } from "./render3d";
import { CAMERA, RENDER } from "./render3d";
import type { View, WorldMapping } from "./planes";
import { fitScale, middle, onPlane, planeAxes, screenToWorld } from "./planes";
import type { PlaneName, Point, Rect, Size, ViewKind } from "./types";
import type { Volume } from "./volume";

const PLANES: readonly PlaneName[] = ["axial", "coronal", "sagittal"];
const MIN_ZOOM = 0.3;
const MAX_ZOOM = 60;

/** How planes lie in the world. */
export interface Pose {
  radiological: boolean;
  mapping: WorldMapping;
  /** Axes of the planes, and the same before any turn: turning does not change the scale. */
  frame: Mat3;
  upright: Mat3;
  /** Millimetres the smaller side shows at zoom 1; 0: the whole image. */
  fieldMm: number;
}

export class Viewport {
  kind: ViewKind = $state("axial");
  layers: Layer[] = $state.raw([]);
  /** World point kept in the middle, null: the middle voxel of the image. */
  centre: Vec3 | null = $state.raw(null);
  zoom = $state(1);
  /** Own crosshair of viewports that are not linked. */
  crosshair: Vec3 | null = $state.raw(null);
  /** Goes along with the others: crosshair, zoom, time point. */
  linked = $state(true);
  /** Many slices instead of one, null: one. */
  mosaic: MosaicState | null = $state.raw(null);
  /** What looks different here than elsewhere, by layer. */
  overrides: Record<string, Partial<Look>> = $state.raw({});
  /** What is shown in 3D, and from where. */
  render: Render3d = $state.raw(RENDER);
  camera: Camera = $state.raw(CAMERA);
  /** Box inside the viewer in CSS pixels. */
  rect: Rect = $state.raw({ left: 0, top: 0, width: 0, height: 0 });

  constructor(
    readonly index: number,
    readonly place: Place,
  ) {
    this.kind = place.kind;
    if (place.mosaic) this.mosaic = MOSAIC;
  }

  get id(): string {
    return `viewport${this.index}`;
  }

  get plane(): PlaneName | null {
    return this.kind === "3d" ? null : this.kind;
  }

  get size(): Size {
    return this.rect;
  }

  /** The layer that gives the geometry: the background, else the first image. */
  get base(): Layer | null {
    const images = this.layers.filter((layer) => layer.isVolume);
    return images.find((layer) => layer.role === "background") ?? images[0] ?? null;
  }

  get volume(): Volume | null {
    return this.base?.volume ?? null;
  }

  /** How a layer looks here. */
  look(layer: Layer): Look {
    const own = this.overrides[layer.id];
    return own ? { ...layer.look, ...own } : layer.look;
  }

  /** Millimetres per pixel at zoom 1: one scale for all planes of viewports of one size. */
  private fit(volume: Volume, { radiological, upright, mapping, fieldMm }: Pose): number {
    if (fieldMm > 0) return fieldMm / Math.max(1, Math.min(this.size.width, this.size.height));
    const axes = PLANES.map((plane) => planeAxes(plane, radiological, upright, mapping));
    return Math.max(...axes.map((a) => fitScale(volume, a, this.size)));
  }

  view(crosshair: Vec3, pose: Pose): View | null {
    const { volume, plane } = this;
    if (!volume || !plane || this.rect.width < 2 || this.rect.height < 2) return null;
    const axes = planeAxes(plane, pose.radiological, pose.frame, pose.mapping);
    const origin = onPlane(this.centre ?? middle(volume), crosshair, axes.normal);
    const mmPerPixel = this.fit(volume, pose) / this.zoom;
    return { axes, origin, mmPerPixel, size: this.size };
  }

  /** Enlarge so that a world point keeps its place on the screen. */
  zoomAbout(view: View, mm: Vec3, factor: number): void {
    const zoom = Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, this.zoom * factor));
    const applied = zoom / this.zoom;
    const away = sub(view.origin, mm);
    const inPlane = sub(away, scale(view.axes.normal, dot(away, view.axes.normal)));
    this.centre = add(view.origin, scale(inPlane, 1 / applied - 1));
    this.zoom = zoom;
  }

  panBy(view: View, from: Point, to: Point): void {
    const moved = sub(screenToWorld(view, from), screenToWorld(view, to));
    this.centre = add(view.origin, moved);
  }

  resetView(): void {
    this.centre = null;
    this.zoom = 1;
    this.camera = CAMERA;
    if (this.mosaic) this.mosaic = MOSAIC;
  }

  /** Take over what another place showed. */
  inherit(other: Viewport): void {
    const { layers, centre, zoom, crosshair, linked, overrides } = other;
    Object.assign(this, { layers, centre, zoom, crosshair, linked, overrides });
  }
}
