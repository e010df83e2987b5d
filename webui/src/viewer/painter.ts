// Paints the layers of one scene into one rectangle; keeps the textures they need.
import { confine, contentOf, contentRect, threshold } from "./content";
import type { Cut, SlabSlot, WholeCopy } from "./copies";
import { renewed, untouched } from "./copies";
import type { Device } from "./device";
import { inspect } from "./device";
import type { Drawn } from "./engine";
import { tooCoarse } from "./mapping";
import type { Packing } from "./packing";
import { choosePacking } from "./packing";
import type { GridLike, View } from "./planes";
import type { Source } from "./quad";
import { mapScalar, onGrid, placeQuad, snapQuad } from "./quad";
import { constantAxis, cutSlab, projectSlab, slabRange, thickRange } from "./sample";
import type { DrawLayer, Scene } from "./scene";
import type { Program } from "./shaders";
import { COLOUR, LABELS, link, SCALAR } from "./shaders";
import { sketch, visible } from "./sketch";
import type { Placed } from "./texture";
import { binFactor, fillPicture, placeSlab, VolumeTexture } from "./texture";
import type { Limits } from "./types";

type DeviceRect = readonly [number, number, number, number];

/** A table with an entry for each of 65 536 labels. */
const isWide = (layer: DrawLayer): boolean => layer.mode === "labels" && layer.table.length > 2048;

export class LayerPainter {
  readonly device: Device;
  private readonly programs: Record<DrawLayer["mode"], Program>;
  private readonly volumes = new Map<string, WholeCopy>();
  private readonly slabs = new Map<string, SlabSlot>();
  private readonly packings = new Map<string, { key: string; packing: Packing }>();
  private readonly tables = new Map<string, WebGLTexture>();
  /** Where a scene is drawn: left, bottom, width, height in device pixels. */
  private target: DeviceRect = [0, 0, 0, 0];
  /** The part of it that is drawn now. */
  private part: DeviceRect = [0, 0, 0, 0];
  private readonly tableKeys = new Map<string, string>();
  private readonly coarse: { buffer: WebGLFramebuffer; texture: WebGLTexture; size: string };

  constructor(private readonly gl: WebGL2RenderingContext) {
    this.device = inspect(gl);
    this.programs = {
      scalar: link(gl, SCALAR),
      colour: link(gl, COLOUR),
      labels: link(gl, LABELS),
    };
    gl.bindVertexArray(gl.createVertexArray());
    this.coarse = { buffer: gl.createFramebuffer(), texture: gl.createTexture(), size: "" };
    gl.clearColor(0, 0, 0, 1);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** Draw nothing visible with every program, so that the driver has compiled them. */
  warmUp(): void {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_3D, texture);
    gl.texStorage3D(gl.TEXTURE_3D, 1, gl.R8, 1, 1, 1);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(0, 0, 1, 1);
    gl.viewport(0, 0, 1, 1);
    for (const program of Object.values(this.programs)) {
      gl.useProgram(program.handle);
      gl.uniform1i(program.at("u_table"), 1);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    }
    gl.deleteTexture(texture);
    this.clear([0, 0, 1, 1]);
  }

  clear(rect: DeviceRect): void {
    const { gl } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(...rect);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }

  /** Draw a scene, or a band of its rows; `step` 2 draws at half resolution and enlarges. */
  paint(
    viewId: string,
    scene: Scene,
    rect: DeviceRect,
    step: number,
    report: Drawn,
    [low, high]: readonly [number, number] = [0, rect[3]],
  ): void {
    if (rect[2] <= 0 || rect[3] <= 0) return;
    const view = scene.grid ? onGrid(scene.view, scene.grid) : scene.view;
    if (step > 1) return this.paintSmall(viewId, { ...scene, view }, rect, step, report);
    this.target = rect;
    this.part = [rect[0], rect[1] + low, rect[2], high - low];
    this.clear(this.part);
    this.gl.viewport(...rect);
    for (const layer of scene.layers) this.layer(viewId, view, layer, scene.grid, report);
    // Until volumes are uploaded for an oblique plane, the processor shows it.
    if (report.waiting.length) this.sketched({ ...scene, view }, rect, 1);
  }

  private paintSmall(
    viewId: string,
    scene: Scene,
    rect: DeviceRect,
    step: number,
    report: Drawn,
  ): void {
    const { view, layers, grid } = scene;
    if (this.sketched(scene, rect, step))
      return void report.layers.push(...layers.filter(visible).map(({ id }) => id));
    const small = shrunk(rect, step);
    this.target = this.part = [0, 0, ...small];
    this.bindCoarse(small);
    this.gl.clear(this.gl.COLOR_BUFFER_BIT);
    this.gl.viewport(0, 0, ...small);
    for (const layer of layers) this.layer(viewId, view, layer, grid, report);
    this.enlarge(small, rect);
  }

  /** Drawn by the processor if it can: that costs a slow device a tenth of the work. */
  private sketched({ view, layers, grid }: Scene, rect: DeviceRect, step: number): boolean {
    if (!this.device.software) return false;
    const small = shrunk(rect, step);
    const pixels = sketch(view, layers, grid, small);
    if (!pixels) return false;
    this.bindCoarse(small);
    fillPicture(this.gl, this.coarse.texture, small, pixels);
    this.enlarge(small, rect);
    return true;
  }

  private bindCoarse(size: readonly [number, number]): void {
    const { gl, coarse } = this;
    gl.disable(gl.SCISSOR_TEST);
    gl.bindFramebuffer(gl.FRAMEBUFFER, coarse.buffer);
    if (coarse.size !== size.join()) {
      coarse.size = size.join();
      gl.bindTexture(gl.TEXTURE_2D, coarse.texture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, ...size, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
      const attach = [gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D] as const;
      gl.framebufferTexture2D(gl.FRAMEBUFFER, ...attach, coarse.texture, 0);
    }
  }

  private enlarge([w, h]: readonly [number, number], rect: DeviceRect): void {
    const { gl } = this;
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.coarse.buffer);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    const [x, y, width, height] = rect;
    gl.disable(gl.SCISSOR_TEST);
    gl.blitFramebuffer(0, 0, w, h, x, y, x + width, y + height, gl.COLOR_BUFFER_BIT, gl.LINEAR);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  private layer(
    viewId: string,
    view: View,
    layer: DrawLayer,
    grid: GridLike | null,
    report: Drawn,
  ): void {
    if (!visible(layer)) return;
    const source = this.source(viewId, view, layer);
    if (source === "outside") return void report.layers.push(layer.id);
    if (source === null) return void report.waiting.push(layer.id);
    if (source.bin > 1) report.binned[layer.id] = source.bin;
    report.layers.push(layer.id);
    this.quad(view, layer, source, grid);
  }

  private packing(layer: DrawLayer): Packing {
    const kept = this.packings.get(layer.id);
    const { slope, inter } = layer.volume.header;
    const stored = (value: number): number => (value - inter) / slope;
    const window = { low: stored(layer.limits.low), high: stored(layer.limits.high) };
    // Once a window has asked for exact texels they stay: going back would mean another upload.
    const float = kept?.packing.kind === "float" && !kept.key.startsWith("labels");
    const fine = float || choiceOf(layer, window);
    const key = `${layer.mode} ${layer.usual.centre} ${fine}`;
    if (kept?.key === key) return kept.packing;
    const packing = choosePacking(layer.volume, {
      labels: layer.mode === "labels",
      floatLinear: this.device.floatLinear,
      ...layer.usual,
      ...(fine ? { window: EXACT } : {}),
    });
    this.packings.set(layer.id, { key, packing });
    return packing;
  }

  /** The whole volume when it is there in full, a slab when the plane allows, else what there is. */
  private source(viewId: string, view: View, layer: DrawLayer): Source | "outside" | null {
    const packing = this.packing(layer);
    const { volume } = layer;
    const axis = constantAxis(volume.inverse, view.axes.right, view.axes.up);
    // Uploading all of it would take a slow device seconds: only oblique planes need that.
    const whole = this.device.software && axis !== null ? null : this.whole(layer, packing);
    const full = whole?.ready
      ? { ...placed(whole), slabAxis: null, slabAt: 0, packing, within: null }
      : null;
    if (full && full.bin === 1 && !this.device.software) return full;
    if (axis === null) return full;
    const at = volume.toVoxel(view.origin)[axis]!;
    const thick = layer.slab > 1 && layer.mode === "scalar";
    const nearest = layer.pixelated || layer.mode === "labels";
    const n = volume.shape[axis]!;
    const range = thick ? thickRange(at, n, layer.slab) : slabRange(at, n, nearest);
    if (!range) return "outside";
    const [first, depth] = range;
    for (let k = first; k < first + depth; k++)
      if (!volume.hasSlice(axis, k, layer.frame)) return full;
    const slot = this.slab(viewId, layer, packing, { axis, first, depth });
    if (slot.content === null) return "outside";
    const slabAt = thick ? 0.5 : (at - first + 0.5) / depth;
    const within = slot.content ? contentRect(slot.content, volume, view, axis, at) : null;
    return { ...slot.placed, slabAxis: axis, slabAt, packing, within };
  }

  private slab(viewId: string, layer: DrawLayer, packing: Packing, cut: Cut): SlabSlot {
    const id = `${viewId} ${layer.id}`;
    const { axis, first, depth } = cut;
    const thick = layer.slab > 1 && layer.mode === "scalar";
    const kind = `${layer.mode}/${packing.kind}`;
    const project = thick ? layer.project : "";
    const least = threshold(layer);
    const key = [kind, layer.frame, layer.usual.centre, axis, first, depth, project].join();
    const old = this.slabs.get(id);
    const same = old?.key === key && untouched(old, layer, cut);
    if (same && old.least === least) return old;
    const data = thick
      ? projectSlab(layer.volume, axis, first, depth, layer.frame, layer.project)
      : cutSlab(layer.volume, axis, first, depth, layer.frame);
    const content = least === null ? undefined : contentOf(data, layer.volume, least);
    if (same) return Object.assign(old, { content, least });
    const nearest = layer.mode === "labels";
    // Filter and texel type belong to the texture, so a slab is reused only within one kind.
    const reusable = old && old.key.split(",")[0] === kind ? old.placed : null;
    if (old && !reusable) this.gl.deleteTexture(old.placed.texture);
    const limits = { maxSize: this.device.maxSize, channels: layer.volume.channels };
    const slot = {
      key,
      content,
      least,
      revision: layer.volume.revision,
      placed: placeSlab(this.gl, packing, data, nearest, reusable, limits),
    };
    this.slabs.set(id, slot);
    return slot;
  }

  private whole(layer: DrawLayer, packing: Packing): VolumeTexture | null {
    const { volume, frame, mode } = layer;
    if (!volume.complete) return null;
    const key = `${frame} ${mode} ${packing.kind} ${layer.usual.centre}`;
    const kept = this.volumes.get(layer.id);
    if (kept?.key === key && renewed(kept, volume)) return kept.texture;
    kept?.texture.dispose();
    const { maxSize, budgetBytes } = this.device;
    const bin = binFactor(volume.shape, packing.bytesPerVoxel, maxSize, budgetBytes);
    const nearest = mode === "labels";
    const texture = new VolumeTexture(this.gl, volume, packing, frame, bin, nearest);
    this.volumes.set(layer.id, { key, revision: volume.revision, texture });
    return texture;
  }

  /** Upload some more of whichever volume is not finished. */
  upload(bytes: number): { finished: string[]; more: boolean } {
    for (const [id, { texture }] of this.volumes) {
      if (texture.ready || !texture.available) continue;
      return { finished: texture.step(bytes) ? [id] : [], more: true };
    }
    return { finished: [], more: false };
  }

  private quad(view: View, layer: DrawLayer, source: Source, grid: GridLike | null): void {
    const { gl } = this;
    const program = this.programs[layer.mode];
    gl.useProgram(program.handle);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_3D, source.texture);
    gl.uniform1i(program.at("u_volume"), 0);
    placeQuad(gl, program, view, layer, source);
    snapQuad(gl, program, view, layer, source, grid);
    gl.uniform1f(program.at("u_opacity"), layer.opacity);
    gl.uniform1f(program.at("u_outline"), layer.outline);
    gl.uniform1i(program.at("u_nearest"), Number(layer.pixelated));
    if (layer.mode !== "colour") {
      gl.activeTexture(gl.TEXTURE1);
      gl.bindTexture(gl.TEXTURE_2D, this.table(layer));
      gl.uniform1i(program.at("u_table"), 1);
    }
    if (layer.mode === "colour") {
      gl.uniform3iv(program.at("u_channels"), layer.channels ?? [0, 1, 2]);
      gl.uniform1i(program.at("u_squares"), Number(layer.channels === null));
    }
    if (layer.mode === "labels") gl.uniform1i(program.at("u_wide"), Number(isWide(layer)));
    if (layer.mode === "scalar") mapScalar(gl, program, layer, source, view);
    gl.enable(gl.BLEND);
    confine(gl, this.target, this.part, view, grid ? null : source.within);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  private table(layer: DrawLayer): WebGLTexture {
    const { gl } = this;
    // Tables of many labels are large and change often: one for each layer.
    const place = isWide(layer) ? layer.id : layer.tableKey;
    const kept = this.tables.get(place);
    if (kept && (this.tableKeys.get(place) ?? layer.tableKey) === layer.tableKey) return kept;
    if (isWide(layer)) this.tableKeys.set(place, layer.tableKey);
    const texture = kept ?? gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    const rows = layer.table.length / 1024;
    const bytes = [gl.RGBA, gl.UNSIGNED_BYTE, layer.table] as const;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, rows, 0, ...bytes);
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
      gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    this.tables.set(place, texture);
    return texture;
  }

  get held(): number {
    return this.volumes.size;
  }

  forgetView(viewId: string): void {
    this.dropSlabs((id) => id.startsWith(`${viewId} `));
  }

  forgetLayer(layerId: string): void {
    this.dropSlabs((id) => id.endsWith(` ${layerId}`));
    this.volumes.get(layerId)?.texture.dispose();
    this.volumes.delete(layerId);
    this.packings.delete(layerId);
    // Its own table, when it has more labels than usual.
    this.gl.deleteTexture(this.tables.get(layerId) ?? null);
    this.tables.delete(layerId);
    this.tableKeys.delete(layerId);
  }

  private dropSlabs(which: (id: string) => boolean): void {
    for (const [id, slot] of this.slabs) {
      if (!which(id)) continue;
      this.gl.deleteTexture(slot.placed.texture);
      this.slabs.delete(id);
    }
  }

  dispose(): void {
    for (const id of [...this.volumes.keys()]) this.forgetLayer(id);
    this.dropSlabs(() => true);
    for (const texture of this.tables.values()) this.gl.deleteTexture(texture);
  }
}

const shrunk = ([, , w, h]: DeviceRect, step: number) =>
  [Math.ceil(w / step), Math.ceil(h / step)] as const;

const placed = ({ texture, first, size, bin }: Placed): Placed => ({ texture, first, size, bin });

/** A window that no half float is fine enough for. */
const EXACT = { low: 1e6, high: 1e6 + 1 };

/** Whether a window of 16-bit integers needs 32-bit texels. */
function choiceOf({ mode, volume, usual }: DrawLayer, window: Limits): boolean {
  const short = volume.header.dtype.endsWith("int16") && volume.channels === 1;
  return mode === "scalar" && short && tooCoarse(window, Math.round(usual.centre));
}
