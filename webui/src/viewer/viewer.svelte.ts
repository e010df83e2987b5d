// The viewer's state and verbs: opening, layers, layout, crosshair; drawing is elsewhere.
import { prefs, remember } from "../core/prefs.svelte";
import { VolumeCache } from "./cache";
import { MASK_COLOURS } from "./colormaps";
import { Layer } from "./layer.svelte";
import { layoutNamed, LAYOUTS } from "./layouts";
import type { Mat3, Vec3 } from "./linalg";
import { axisRotation, IDENTITY3, multiply3 } from "./linalg";
import type { LoadEvents } from "./load";
import { loadFile, loadUrl } from "./load";
import { imageFrame } from "./orientation";
import type { View } from "./planes";
import { middle, sliceInfo, stepSlice } from "./planes";
import { kindOfName, roleFor } from "./roles";
import type { Scene } from "./scene";
import type { Workstate } from "./workstate";
import { restore, serialize } from "./workstate";
import type { ViewerState } from "./readout";
import { summarize } from "./readout";
import type { FileRow, Role } from "./types";
import { Viewport } from "./viewport.svelte";
import type { Volume } from "./volume";
import type { Preset } from "./windowing";

/** A tool that may take the left button; true means the gesture is its own. */
export interface PointerTool {
  down: (at: PointerAt) => boolean;
  move?: (at: PointerAt) => void;
  up?: (at: PointerAt) => void;
}

export interface PointerAt {
  viewport: Viewport;
  view: View;
  mm: Vec3;
  event: PointerEvent;
}

const START_LAYOUT = "2x2";

export class Viewer {
  layers: Layer[] = $state.raw([]);
  viewports: Viewport[] = $state.raw(makeViewports(START_LAYOUT));
  layoutName = $state(START_LAYOUT);
  active = $state(0);
  /** The one viewport shown alone, null: all. */
  maximized: number | null = $state(null);
  crosshair: Vec3 = $state.raw([0, 0, 0]);
  /** Whether any image has ever given the crosshair a place. */
  placed = $state(false);
  /** Turn of the planes against the image or the world. */
  rotation: Mat3 = $state.raw(IDENTITY3);
  /** Planes follow the axes of the background image, or those of the world. */
  frameMode: "image" | "world" = $state("image");
  showCrosshair = $state(true);
  showHistogram = $state(true);
  showText = $state(true);
  showBars = $state(true);
  pixelated = $state(false);
  scrollSpeed = $state(1);
  /** New images show everything from zero up; key 1 asks for the narrower window from then on. */
  autoFromZero = $state(true);
  /** The tool that sees pointer events first (pens, markers), null: none. */
  tool: PointerTool | null = $state.raw(null);
  /** Short notice over the viewports (name of a preset). */
  flash = $state("");
  readonly cache = new VolumeCache();

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

  private get shared(): boolean {
    return this.layout.shared;
  }

  // ---- geometry ----

  crosshairOf(viewport: Viewport): Vec3 {
    return this.link || this.shared ? this.crosshair : (viewport.crosshair ?? this.crosshair);
  }

  /** Axes of the planes of an image before any turn. */
  private upright(volume: Volume): Mat3 {
    return this.frameMode === "image" ? imageFrame(volume.affine) : IDENTITY3;
  }

  view(viewport: Viewport): View | null {
    const { volume } = viewport;
    if (!volume) return null;
    const upright = this.upright(volume);
    const turned = multiply3(this.rotation, upright);
    return viewport.view(this.crosshairOf(viewport), this.radiological, turned, upright);
  }

  scene(viewport: Viewport): Scene | null {
    const view = this.view(viewport);
    if (!view) return null;
    const layers = viewport.layers.map((layer) => layer.drawn()).filter((layer) => layer !== null);
    for (const layer of layers) layer.pixelated ||= this.pixelated;
    return { view, rect: viewport.rect, layers };
  }

  setCrosshair(mm: Vec3, viewport?: Viewport): void {
    this.placed = true;
    if (viewport && !this.link && !this.shared) viewport.crosshair = mm;
    else this.crosshair = mm;
  }

  /** Move by slices along what the viewport looks through. False at the end of the stack. */
  step(viewport: Viewport, slices: number): boolean {
    const view = this.view(viewport);
    const { volume } = viewport;
    if (!view || !volume) return false;
    const from = this.crosshairOf(viewport);
    const to = stepSlice(volume, view.axes.normal, from, slices);
    const moved = to.some((x, a) => Math.abs(x - from[a]!) > 1e-6);
    if (moved) this.setCrosshair(to, viewport);
    return moved;
  }

  slice(viewport: Viewport) {
    const view = this.view(viewport);
    if (!view || !viewport.volume) return null;
    return sliceInfo(viewport.volume, view.axes.normal, this.crosshairOf(viewport));
  }

  /** Turn all planes about an axis through the crosshair. */
  turn(axis: Vec3, radians: number): void {
    this.rotation = multiply3(axisRotation(axis, radians), this.rotation);
  }

  /** Linked viewports enlarge together: this one about `mm`, the others about the crosshair. */
  zoom(viewport: Viewport, mm: Vec3, factor: number): void {
    const together = this.link || this.shared ? this.viewports : [viewport];
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

  // ---- layout ----

  setLayout(name: string): void {
    const layout = layoutNamed(name);
    const old = this.viewports;
    const common = old.find((viewport) => viewport.layers.length > 0)?.layers ?? [];
    this.maximized = null;
    this.layoutName = layout.name;
    const next = makeViewports(layout.name);
    next.forEach((viewport, i) => {
      if (layout.shared) viewport.layers = common;
      else
        viewport.layers = i === 0 ? common : wasSeparate(old, common) ? (old[i]?.layers ?? []) : [];
    });
    this.viewports = next;
    this.active = Math.min(this.active, next.length - 1);
    this.collect();
  }

  maximize(index: number): void {
    this.maximized = this.maximized === null ? index : null;
    this.active = index;
  }

  // ---- layers ----

  /** Show a file of the service. Resolves when all of it is there. */
  open(row: FileRow, role?: Role | "roi", viewport?: number): Promise<Layer> {
    const url = row.volume_url ?? row.content_url ?? "";
    const fixed = row.kind === "surface" || row.kind === "streamlines";
    const wanted = fixed ? undefined : role === "roi" ? "labels" : role;
    const kind = row.kind === "image" ? kindOfName(row.name) : row.kind;
    const chosen = wanted ?? roleFor(kind, this.hasBackground(viewport));
    return this.show(new Layer({ row }, chosen), viewport, (on) => loadUrl(url, row.name, on));
  }

  /** Show a file of this computer; it is never uploaded. */
  openLocal(file: File, role?: Role, viewport?: number): Promise<Layer> {
    const chosen = role ?? roleFor(kindOfName(file.name), this.hasBackground(viewport));
    return this.show(new Layer({ file }, chosen), viewport, (on) => loadFile(file, on));
  }

  private hasBackground(index?: number): boolean {
    const viewport = this.viewports[index ?? this.active] ?? this.activeViewport;
    return viewport.layers.some((layer) => layer.role === "background");
  }

  private async show(
    layer: Layer,
    index: number | undefined,
    load: (on: LoadEvents) => Promise<Volume>,
  ): Promise<Layer> {
    const same = this.layers.find((l) => l.cacheKey === layer.cacheKey && l.role === layer.role);
    if (same && layer.role !== "background" && this.shared && same.status !== "failed") {
      same.visible = true;
      return same;
    }
    this.place(layer, index);
    if (!layer.isVolume) return this.ensure3d(layer);
    try {
      const volume = await this.cache.acquire(layer.cacheKey, load, {
        signal: layer.signal,
        onSlice: (early) => this.take(layer, early),
        onProgress: (fraction) => (layer.progress = fraction),
      });
      this.take(layer, volume);
    } catch (error) {
      if (!layer.signal.aborted) layer.fail(error);
    }
    return layer;
  }

  private take(layer: Layer, volume: Volume): void {
    if (layer.signal.aborted) return;
    const first = layer.volume === null;
    layer.take(volume, this.autoFromZero);
    if (first) this.placeCrosshair(layer, volume);
  }

  /** A new background outside of which the crosshair lies takes it along, unless others are shown. */
  private placeCrosshair(layer: Layer, volume: Volume): void {
    const others = this.layers.some((l) => l !== layer && l.role === "background" && l.volume);
    const inside = volume.voxelAt(this.crosshair) !== null;
    if (this.placed && (inside || others || layer.role !== "background")) return;
    this.setCrosshair(middle(volume));
    for (const viewport of this.viewports)
      if (viewport.layers.includes(layer)) viewport.resetView();
  }

  private ensure3d(layer: Layer): Layer {
    layer.status = "ready";
    const shown = this.viewports.some((v) => v.kind === "3d" && v.layers.includes(layer));
    if (!shown) this.activeViewport.kind = "3d";
    return layer;
  }

  /** Which viewports a new layer goes to. */
  private targets(layer: Layer, index?: number): Viewport[] {
    if (this.shared) return this.viewports;
    if (index !== undefined && this.viewports[index]) return [this.viewports[index]];
    const empty = this.viewports.find((viewport) => viewport.layers.length === 0);
    return [layer.role === "background" && empty ? empty : this.activeViewport];
  }

  private place(layer: Layer, index?: number): void {
    const targets = this.targets(layer, index);
    if (layer.role === "labels") this.colour(layer);
    for (const viewport of targets) {
      const replaced = layer.role === "background" ? "background" : null;
      viewport.layers = stacked([...viewport.layers.filter((l) => l.role !== replaced), layer]);
    }
    if (!this.shared && targets[0]) this.active = targets[0].index;
    this.layers = [...this.layers, layer];
    this.collect();
  }

  private colour(layer: Layer): void {
    const n = this.layers.filter((one) => one.role === "labels").length;
    layer.colour = MASK_COLOURS[n % MASK_COLOURS.length]!;
  }

  /** Show a layer in another role, in the order of roles: background first. */
  setRole(layer: Layer, role: Role): void {
    if (role === layer.role) return;
    layer.setRole(role);
    if (role === "labels") this.colour(layer);
    for (const viewport of this.viewports.filter((one) => one.layers.includes(layer))) {
      const rest = viewport.layers.filter((one) => one !== layer);
      const replaced = role === "background" ? "background" : null;
      viewport.layers = stacked([...rest.filter((one) => one.role !== replaced), layer]);
    }
    if (layer.volume) layer.take(layer.volume, this.autoFromZero);
    this.collect();
  }

  /** Load a failed layer again, in its place. */
  retry(layer: Layer): void {
    const at = this.viewports.findIndex((viewport) => viewport.layers.includes(layer));
    this.remove(layer);
    if (layer.row) void this.open(layer.row, layer.role, at);
    else if (layer.file) void this.openLocal(layer.file, layer.role, at);
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
  private collect(): void {
    const used = new Set(this.viewports.flatMap((viewport) => viewport.layers));
    for (const layer of this.layers) {
      if (used.has(layer)) continue;
      layer.close();
      if (layer.status === "ready") this.cache.release(layer.cacheKey);
    }
    this.layers = this.layers.filter((layer) => used.has(layer));
    if (this.layers.length === 0) this.placed = false;
  }

  // ---- windows ----

  applyPreset(preset: Preset): void {
    if (!preset.limits) this.autoFromZero = preset.fromZero ?? false;
    for (const layer of this.layers.filter((one) => one.role === "background"))
      if (preset.limits) layer.setLimits(preset.limits);
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

const STACK: readonly Role[] = ["background", "overlay", "labels", "surface", "streamlines"];

/** Images below, overlays over them, ROIs on top. */
function stacked(layers: readonly Layer[]): Layer[] {
  return [...layers].sort((a, b) => STACK.indexOf(a.role) - STACK.indexOf(b.role));
}

function wasSeparate(old: readonly Viewport[], common: readonly Layer[]): boolean {
  return old.some((viewport) => viewport.layers.length > 0 && viewport.layers !== common);
}

function makeViewports(name: string): Viewport[] {
  return layoutNamed(name).views.map((kind, i) => new Viewport(i, kind));
}

export const viewer = new Viewer();
