// Opens files and puts layers into viewports; where a new image goes is decided here.
import { MASK_COLOURS } from "./colormaps";
import { Layer } from "./layer.svelte";
import type { LoadEvents } from "./load";
import { loadFile, loadUrl } from "./load";
import { partOf, type ComplexPart } from "./local/complex";
import { middle } from "./planes";
import { loadSurface } from "./surfaces";
import { kindOfName, roleFor } from "./roles";
import type { FileRow, Role, ViewKind } from "./types";
import type { Viewer } from "./viewer.svelte";
import type { Viewport } from "./viewport.svelte";
import type { Volume } from "./volume";

type Load = (on: LoadEvents) => Promise<Volume>;

const STACK: readonly Role[] = ["background", "overlay", "labels", "surface", "streamlines"];
const THREE: readonly ViewKind[] = ["coronal", "sagittal", "axial"];

/** Images below, overlays over them, ROIs on top. */
export function stacked(layers: readonly Layer[]): Layer[] {
  return [...layers].sort((a, b) => STACK.indexOf(a.role) - STACK.indexOf(b.role));
}

export class Opener {
  constructor(private readonly viewer: Viewer) {}

  open(row: FileRow, role?: Role | "roi", viewport?: number, part?: ComplexPart): Promise<Layer> {
    const fixed = row.kind === "surface" || row.kind === "streamlines";
    const wanted = fixed ? undefined : role === "roi" ? "labels" : role;
    const named = row.kind === "image" ? kindOfName(row.name) : row.kind;
    const kind = row.tags?.includes("mask") ? "mask" : named;
    const atlas = !fixed && row.tags?.includes("atlas") ? "labels" : undefined;
    const chosen = wanted ?? atlas ?? roleFor(kind, this.hasBackground(viewport));
    const layer = new Layer({ row }, chosen, part ?? partOf(row));
    const url = layer.row?.volume_url ?? row.content_url ?? "";
    return this.show(layer, viewport, (on) => loadUrl(url, row.name, on));
  }

  openLocal(file: File, role?: Role, viewport?: number, part?: ComplexPart): Promise<Layer> {
    const chosen = role ?? roleFor(kindOfName(file.name), this.hasBackground(viewport));
    const layer = new Layer({ file }, chosen, part);
    return this.show(layer, viewport, (on) => loadFile(file, on, layer.part));
  }

  /** Another part of complex values takes the place of the one that is shown. */
  async showPart(layer: Layer, part: ComplexPart): Promise<void> {
    const { viewer } = this;
    const [first, ...others] = viewer.viewports.filter((one) => one.layers.includes(layer));
    const { row, file, role } = layer;
    viewer.remove(layer);
    const opening = row
      ? this.open(row, role, first?.index, part)
      : this.openLocal(file!, role, first?.index, part);
    const next = await opening;
    if (part === "phase") next.setLimits({ low: -Math.PI, high: Math.PI });
    for (const viewport of others) this.putInto(next, viewport);
  }

  async openPlanes(source: FileRow | File, from: number): Promise<Layer> {
    const { viewer } = this;
    const free = viewer.viewports.filter((one) => one.index >= from && !one.mosaic);
    const places = free.slice(0, THREE.length);
    places.forEach((viewport, i) => (viewport.kind = THREE[i]!));
    const opening =
      source instanceof File
        ? this.openLocal(source, "background", from)
        : this.open(source, "background", from);
    const layer = viewer.viewports[from]?.layers.find((one) => one.role === "background");
    if (layer) for (const viewport of places.slice(1)) this.putInto(layer, viewport);
    return opening;
  }

  adopt(layer: Layer, volume: Volume, viewports: readonly Viewport[]): void {
    if (layer.role === "labels") this.colour(layer);
    for (const viewport of viewports) viewport.layers = stacked([...viewport.layers, layer]);
    this.viewer.layers = [...this.viewer.layers, layer];
    layer.take(volume);
  }

  private hasBackground(index?: number): boolean {
    const { viewer } = this;
    const viewport = viewer.viewports[index ?? viewer.active] ?? viewer.activeViewport;
    return viewport.layers.some((layer) => layer.role === "background");
  }

  private async show(layer: Layer, index: number | undefined, load: Load): Promise<Layer> {
    const { viewer } = this;
    const same = this.known(layer);
    if (same) return this.showAgain(same, index);
    this.place(layer, index);
    if (!layer.isVolume) return this.showMesh(layer);
    try {
      const volume = await viewer.cache.acquire(layer.cacheKey, load, {
        signal: layer.signal,
        whole: layer.role === "labels",
        onSlice: (early) => this.take(layer, early),
        onProgress: (fraction) => (layer.progress = fraction),
      });
      this.take(layer, volume);
      if (layer.role === "labels" && !layer.signal.aborted) viewer.onRole?.(layer);
    } catch (error) {
      if (!layer.signal.aborted) layer.fail(error);
    }
    return layer;
  }

  /** The same file in the same role: one object with one look in all viewports. */
  private known(layer: Layer): Layer | undefined {
    const { viewer } = this;
    if (viewer.shared && layer.role === "background") return undefined;
    return viewer.layers.find(
      (one) =>
        one.cacheKey === layer.cacheKey && one.role === layer.role && one.status !== "failed",
    );
  }

  private showAgain(layer: Layer, index?: number): Layer {
    layer.visible = true;
    for (const viewport of this.targets(layer, index)) this.putInto(layer, viewport);
    return layer;
  }

  private take(layer: Layer, volume: Volume): void {
    if (layer.signal.aborted) return;
    const first = layer.volume === null;
    layer.take(volume, this.viewer.autoFromZero);
    if (first) this.placeCrosshair(layer, volume);
  }

  /** A new background outside of which the crosshair lies takes it along, unless others are shown. */
  private placeCrosshair(layer: Layer, volume: Volume): void {
    const { viewer } = this;
    const others = viewer.layers.some((l) => l !== layer && l.role === "background" && l.volume);
    const inside = volume.voxelAt(viewer.crosshair) !== null;
    if (viewer.placed && (inside || others || layer.role !== "background")) return;
    viewer.setCrosshair(middle(volume));
    for (const viewport of viewer.viewports)
      if (viewport.layers.includes(layer)) viewport.resetView();
  }

  /** A surface of the service is checked there, one of this computer here; all else is read by the 3D view itself. */
  private async showMesh(layer: Layer): Promise<Layer> {
    this.ensure3d(layer);
    try {
      if (layer.row && layer.role === "surface")
        layer.surface = await loadSurface(layer.row, layer.signal);
      else if (layer.file && layer.role === "surface")
        await (await import("./local/surface")).checkSurface(layer.file);
      layer.status = "ready";
    } catch (error) {
      if (!layer.signal.aborted) layer.fail(error);
    }
    return layer;
  }

  private ensure3d(layer: Layer): Layer {
    const { viewer } = this;
    const shown = viewer.viewports.some((v) => v.kind === "3d" && v.layers.includes(layer));
    if (!shown) viewer.activeViewport.kind = "3d";
    return layer;
  }

  /** Which viewports a new layer goes to: the next free one for an image. */
  private targets(layer: Layer, index?: number): Viewport[] {
    const { viewer } = this;
    if (viewer.shared) return viewer.viewports;
    if (index !== undefined && viewer.viewports[index]) return [viewer.viewports[index]];
    const empty = viewer.viewports.find((viewport) => viewport.layers.length === 0);
    if (layer.role === "background") return [empty ?? viewer.activeViewport];
    const same = viewer.viewports.filter(({ base }) => base && base.subject === layer.subject);
    return layer.subject && same.length ? same : [viewer.activeViewport];
  }

  private place(layer: Layer, index?: number): void {
    const { viewer } = this;
    const targets = this.targets(layer, index);
    if (layer.role === "labels") this.colour(layer);
    viewer.layers = [...viewer.layers, layer];
    for (const viewport of targets) this.put(layer, viewport);
    if (!viewer.shared && targets[0]) viewer.active = targets[0].index;
    viewer.collect();
  }

  /** An image replaces the image below; everything else is added. */
  private put(layer: Layer, viewport: Viewport): void {
    const replaced = layer.role === "background" ? "background" : null;
    const rest = viewport.layers.filter((one) => one !== layer && one.role !== replaced);
    viewport.layers = stacked([...rest, layer]);
  }

  putInto(layer: Layer, viewport: Viewport, from?: Viewport): void {
    if (!viewport.layers.includes(layer)) this.put(layer, viewport);
    if (from && from !== viewport) from.layers = from.layers.filter((one) => one !== layer);
    this.viewer.collect();
  }

  private colour(layer: Layer): void {
    const n = this.viewer.layers.filter((one) => one.role === "labels").length;
    layer.colour = MASK_COLOURS[n % MASK_COLOURS.length]!;
  }

  /** Show a layer in another role, in the order of roles: background first. */
  setRole(layer: Layer, role: Role): void {
    if (role === layer.role) return;
    layer.setRole(role);
    if (role === "labels") this.colour(layer);
    for (const viewport of this.viewer.viewports)
      if (viewport.layers.includes(layer)) this.put(layer, viewport);
    if (layer.volume) layer.take(layer.volume, this.viewer.autoFromZero);
    if (role === "labels") this.viewer.onRole?.(layer);
    this.viewer.collect();
  }

  /** Load a failed layer again, in its place. */
  retry(layer: Layer): void {
    const at = this.viewer.viewports.findIndex((viewport) => viewport.layers.includes(layer));
    this.viewer.remove(layer);
    if (layer.row) void this.open(layer.row, layer.role, at);
    else if (layer.file) void this.openLocal(layer.file, layer.role, at);
  }
}
