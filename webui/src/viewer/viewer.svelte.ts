// The viewer's state and verbs: layout, crosshair, planes, windows; opening and drawing are elsewhere.
import { prefs, remember } from "../core/prefs.svelte";
import { arrange, exchange, makeViewports } from "./arranging";
import { VolumeCache } from "./cache";
import { displayGrid, pose } from "./geometry";
import type { Layer } from "./layer.svelte";
import type { ComplexPart } from "./local/complex";
import type { Sizes } from "./layouts";
import { defaultSizes, layoutNamed, LAYOUTS } from "./layouts";
import type { Mat3, Vec3 } from "./linalg";
import { axisRotation, IDENTITY3, multiply3 } from "./linalg";
import type { Look } from "./look";
import { setLook } from "./look";
import type { Tile } from "./mosaic";
import { mosaicTiles } from "./mosaic";
import { Opener } from "./opening";
import { pins } from "./pins.svelte";
import type { GridLike, View } from "./planes";
import { MAPPINGS, mappingNamed, middle, sliceInfo, stepSlice } from "./planes";
import type { ViewerState } from "./readout";
import { summarize } from "./readout";
import type { Scene } from "./scene";
import type { FileRow, Point, Rect, Role } from "./types";
import type { Viewport } from "./viewport.svelte";
import type { Volume } from "./volume";
import type { Preset } from "./windowing";
import type { Workstate } from "./workstate";
import { restore, serialize } from "./workstate";

const START_LAYOUT = "2x2";

/** Planes follow each image, the world, or one grid that everything is shown on. */
export type FrameMode = "image" | "world" | "grid";

/** One picture of a viewport: the viewport itself, or a tile of its mosaic. */
export interface Part {
  id: string;
  view: View;
  /** Inside the viewport. */
  rect: Rect;
  /** Position of a tile along the normal. */
  mm?: number;
}

export class Viewer {
  layers: Layer[] = $state.raw([]);
  viewports: Viewport[] = $state.raw(makeViewports(START_LAYOUT));
  layoutName = $state(START_LAYOUT);
  /** How the borders of the layout have been dragged. */
  sizes: Sizes = $state.raw(defaultSizes(layoutNamed(START_LAYOUT)));
  active = $state(0);
  /** The one viewport shown alone, null: all. */
  maximized: number | null = $state(null);
  crosshair: Vec3 = $state.raw([0, 0, 0]);
  /** Whether any image has ever given the crosshair a place. */
  placed = $state(false);
  /** Turn of the planes against the image or the world. */
  rotation: Mat3 = $state.raw(IDENTITY3);
  frameMode: FrameMode = $state("image");
  /** The image whose voxels everything is shown on in mode "grid"; null: a grid of the world. */
  master: Layer | null = $state.raw(null);
  worldVoxelMm: Vec3 = $state.raw([1.5, 1.5, 1.5]);
  mapping = $state(MAPPINGS[0]!.id);
  fieldMm = $state(0);
  showCrosshair = $state(true);
  showHistogram = $state(true);
  showText = $state(true);
  /** Voxel size, matrix and values in every viewport. */
  showInfo = $state(false);
  showBars = $state(true);
  pixelated = $state(false);
  scrollSpeed = $state(1);
  /** New images show everything from zero up; key 1 asks for the narrower window from then on. */
  autoFromZero = $state(true);
  /** Called when a person shows a file as ROI. */
  onRole: ((layer: Layer) => void) | null = null;
  /** Short notice over the viewports (name of a preset). */
  flash = $state("");
  readonly cache = new VolumeCache();
  private readonly opener = new Opener(this);

  private flashTimer: ReturnType<typeof setTimeout> | undefined;

  get layout() {
    return layoutNamed(this.layoutName);
  }

  get link(): boolean {
    return prefs.linkViewports;
  }
  set link(on: boolean) {
    remember("linkViewports", on);
  }

  get radiological(): boolean {
    return prefs.radiological;
  }
  set radiological(on: boolean) {
    remember("radiological", on);
  }

  get activeViewport(): Viewport {
    return this.viewports[this.active] ?? this.viewports[0]!;
  }

  get shared(): boolean {
    return this.layout.shared;
  }

  /** Whether a viewport goes along with the others. */
  linked(viewport: Viewport): boolean {
    return this.shared || (this.link && viewport.linked);
  }

  // ---- geometry ----

  crosshairOf(viewport: Viewport): Vec3 {
    return this.linked(viewport) ? this.crosshair : (viewport.crosshair ?? this.crosshair);
  }

  /** The grid that everything is shown on, if one has been chosen. */
  get grid(): GridLike | null {
    return displayGrid(this);
  }

  /** What a viewport steps through: the chosen grid, or its own image. */
  stackOf(viewport: Viewport): GridLike | null {
    return this.grid ?? viewport.volume;
  }

  view(viewport: Viewport): View | null {
    const { volume } = viewport;
    if (!volume) return null;
    return viewport.view(this.crosshairOf(viewport), pose(this, volume));
  }

  tiles(viewport: Viewport): Tile[] {
    const view = this.view(viewport);
    const stack = this.stackOf(viewport);
    if (!view || !stack || !viewport.mosaic) return [];
    return mosaicTiles(view, stack, viewport.mosaic, viewport.zoom, viewport.centre);
  }

  /** The pictures of a viewport: one, or the tiles of its mosaic. */
  parts(viewport: Viewport): Part[] {
    const view = this.view(viewport);
    if (!view) return [];
    const { width, height } = viewport.rect;
    if (!viewport.mosaic)
      return [{ id: viewport.id, view, rect: { left: 0, top: 0, width, height } }];
    return this.tiles(viewport).map((tile, i) => ({ id: `${viewport.id}/${i}`, ...tile }));
  }

  /** The picture under a point of a viewport. */
  partAt(viewport: Viewport, p: Point): Part | undefined {
    return this.parts(viewport).find(
      ({ rect }) =>
        p.x >= rect.left &&
        p.x < rect.left + rect.width &&
        p.y >= rect.top &&
        p.y < rect.top + rect.height,
    );
  }

  scenes(viewport: Viewport): Record<string, Scene> {
    const layers = viewport.layers
      .map((layer) => layer.drawn(viewport.look(layer), viewport.id))
      .filter((layer) => layer !== null);
    for (const layer of layers) layer.pixelated ||= this.pixelated;
    const { grid } = this;
    const { left, top } = viewport.rect;
    return Object.fromEntries(
      this.parts(viewport).map(({ id, view, rect }) => {
        const at = { ...rect, left: left + rect.left, top: top + rect.top };
        return [id, { view, rect: at, layers, grid }];
      }),
    );
  }

  /** The picture of a viewport that is no mosaic. */
  scene(viewport: Viewport): Scene | null {
    return this.scenes(viewport)[viewport.id] ?? null;
  }

  setCrosshair(mm: Vec3, viewport?: Viewport): void {
    this.placed = true;
    if (viewport && !this.linked(viewport)) viewport.crosshair = mm;
    else this.crosshair = mm;
  }

  /** Move by slices along what the viewport looks through. False at the end of the stack. */
  step(viewport: Viewport, slices: number): boolean {
    const view = this.view(viewport);
    const stack = this.stackOf(viewport);
    if (!view || !stack) return false;
    const from = this.crosshairOf(viewport);
    const to = stepSlice(stack, view.axes.normal, from, slices);
    const moved = to.some((x, a) => Math.abs(x - from[a]!) > 1e-6);
    if (moved) this.setCrosshair(to, viewport);
    return moved;
  }

  slice(viewport: Viewport) {
    const view = this.view(viewport);
    const stack = this.stackOf(viewport);
    if (!view || !stack) return null;
    return sliceInfo(stack, view.axes.normal, this.crosshairOf(viewport));
  }

  /** Next time point of the series of a viewport, and of those linked with it. */
  stepFrame(viewport: Viewport, by: number): void {
    const together = this.linked(viewport)
      ? this.viewports.filter((one) => this.linked(one))
      : [viewport];
    for (const layer of new Set(together.flatMap((one) => one.layers))) {
      const n = layer.volume?.frames ?? 1;
      if (n > 1) layer.frame = Math.min(n - 1, Math.max(0, layer.frame + by));
    }
  }

  /** Turn all planes about an axis through the crosshair. */
  turn(axis: Vec3, radians: number): void {
    this.rotation = multiply3(axisRotation(axis, radians), this.rotation);
  }

  /** Linked viewports enlarge together: this one about `mm`, the others about the crosshair. */
  zoom(viewport: Viewport, mm: Vec3, factor: number): void {
    const together = this.linked(viewport)
      ? this.viewports.filter((one) => this.linked(one))
      : [viewport];
    for (const one of together) {
      const view = this.view(one);
      if (view) one.zoomAbout(view, one === viewport ? mm : this.crosshairOf(one), factor);
    }
  }

  reset(): void {
    this.rotation = IDENTITY3;
    for (const viewport of this.viewports) {
      viewport.resetView();
      viewport.crosshair = null;
    }
    const { volume } = this.activeViewport;
    if (volume) this.crosshair = middle(volume);
  }

  center(): void {
    for (const viewport of this.viewports) viewport.centre = this.crosshairOf(viewport);
  }

  /** Show everything on the voxels of one image, or of the world, or each on its own. */
  setGrid(on: Layer | "world" | null): void {
    this.frameMode = on === null ? "image" : "grid";
    this.master = on === "world" ? null : on;
    if (on !== null) this.rotation = IDENTITY3;
  }

  // ---- layout ----

  setLayout(name: string): void {
    arrange(this, name);
    this.collect();
  }

  maximize(index: number): void {
    this.maximized = this.maximized === null ? index : null;
    this.active = index;
  }

  /** Exchange what two viewports show. */
  swap(a: Viewport, b: Viewport): void {
    exchange(a, b);
  }

  // ---- layers: see opening.ts ----

  /** Show a file of the service. Resolves when all of it is there. */
  open(row: FileRow, role?: Role | "roi", viewport?: number): Promise<Layer> {
    return this.opener.open(row, role, viewport);
  }

  /** Show a file of this computer; it is never uploaded. */
  showPart(layer: Layer, part: ComplexPart): Promise<void> {
    return this.opener.showPart(layer, part);
  }

  openLocal(file: File, role?: Role, viewport?: number): Promise<Layer> {
    return this.opener.openLocal(file, role, viewport);
  }

  /** Show a file in three planes of a layout whose places have their own images. */
  openPlanes(row: FileRow | File, viewport: number): Promise<Layer> {
    return this.opener.openPlanes(row, viewport);
  }

  /** Show an image made in the page, in the viewports asked for. */
  adopt(layer: Layer, volume: Volume, viewports: readonly Viewport[] = this.viewports): void {
    this.opener.adopt(layer, volume, viewports);
  }

  setRole(layer: Layer, role: Role): void {
    this.opener.setRole(layer, role);
  }

  retry(layer: Layer): void {
    this.opener.retry(layer);
  }

  /** Put a layer that is already shown into another viewport too, or move it there. */
  putInto(layer: Layer, viewport: Viewport, from?: Viewport): void {
    this.opener.putInto(layer, viewport, from);
  }

  /** Remove from one viewport (or from all when they share their images). */
  remove(layer: Layer, viewport?: Viewport): void {
    const from = viewport && !this.shared ? [viewport] : this.viewports;
    for (const one of from) one.layers = one.layers.filter((l) => l !== layer);
    this.collect();
  }

  closeAll(): void {
    for (const viewport of this.viewports) viewport.layers = [];
    this.placed = false;
    this.collect();
  }

  /** Close what no viewport shows any more. */
  collect(): void {
    const used = new Set(this.viewports.flatMap((viewport) => viewport.layers));
    for (const layer of this.layers) {
      if (used.has(layer)) continue;
      layer.close();
      if (layer.status === "ready") this.cache.release(layer.cacheKey, !layer.isLocal);
      if (this.master === layer) this.setGrid(null);
    }
    this.layers = this.layers.filter((layer) => used.has(layer));
    if (this.layers.length > 0) return;
    this.placed = false;
    pins.clear();
  }

  // ---- looks and windows ----

  /** Change how a layer looks: everywhere, or with Shift in one viewport only. */
  setLook(layer: Layer, patch: Partial<Look>, only?: Viewport): void {
    setLook(layer, patch, this.viewports, only);
  }

  applyPreset(preset: Preset): void {
    if (!preset.limits) this.autoFromZero = preset.fromZero ?? false;
    for (const layer of this.layers.filter((one) => one.role === "background"))
      if (preset.limits) this.setLook(layer, { limits: preset.limits });
      else layer.setAuto(preset.fromZero ?? false);
    this.tell(preset.name);
  }

  tell(text: string): void {
    this.flash = text;
    clearTimeout(this.flashTimer);
    this.flashTimer = setTimeout(() => (this.flash = ""), 1400);
  }

  // ---- state for others ----

  /** Reactive summary for the frame, tools and tests. */
  get state(): ViewerState {
    return summarize(this);
  }

  get worldMapping() {
    return mappingNamed(this.mapping);
  }

  /** Layouts to choose from, for the frame's menu. */
  readonly layouts = LAYOUTS.map(({ name, label }) => ({ id: name, label }));

  setRadiological(on: boolean): void {
    this.radiological = on;
  }

  serialize(): Workstate {
    return serialize(this);
  }

  restore(saved: Workstate): Promise<void> {
    return restore(this, saved);
  }
}

export const viewer = new Viewer();
