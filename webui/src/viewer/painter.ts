// Paints the layers of one scene into one rectangle; keeps the textures they need.
import type { Drawn } from "./engine";
import type { Vec3 } from "./linalg";
import { applyLinear, scale } from "./linalg";
import type { Packing } from "./packing";
import { choosePacking } from "./packing";
import type { View } from "./planes";
import { screenToWorld } from "./planes";
import { constantAxis, cutSlab, slabRange } from "./sample";
import type { DrawLayer, Scene } from "./scene";
import type { Program } from "./shaders";
import { COLOUR, LABELS, link, SCALAR } from "./shaders";
import type { Placed } from "./texture";
import { binFactor, placeSlab, VolumeTexture } from "./texture";
import type { Volume } from "./volume";

type DeviceRect = readonly [number, number, number, number];

export interface Device {
  software: boolean;
  floatLinear: boolean;
  maxSize: number;
  budgetBytes: number;
}

interface SlabSlot {
  placed: Placed;
  key: string;
}

/** Slice position inside the slab, null for whole volumes. */
interface Source extends Placed {
  slabAxis: number | null;
  slabAt: number;
  packing: Packing;
}

function inspect(gl: WebGL2RenderingContext): Device {
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  const software = /swiftshader|llvmpipe|software|basic render/i.test(name);
  return {
    software,
    floatLinear: gl.getExtension("OES_texture_float_linear") !== null,
    maxSize: Number(gl.getParameter(gl.MAX_3D_TEXTURE_SIZE)),
    budgetBytes: (software ? 192 : 768) * 2 ** 20,
  };
}

export class LayerPainter {
  readonly device: Device;
  private readonly programs: Record<DrawLayer["mode"], Program>;
  private readonly volumes = new Map<string, { key: string; texture: VolumeTexture }>();
  private readonly slabs = new Map<string, SlabSlot>();
  private readonly packings = new Map<string, { key: string; packing: Packing }>();
  private readonly tables = new Map<string, WebGLTexture>();
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

  /** Draw a scene; `step` 2 draws at half resolution and enlarges. */
  paint(viewId: string, scene: Scene, rect: DeviceRect, step: number, report: Drawn): void {
    const { gl } = this;
    if (rect[2] <= 0 || rect[3] <= 0) return;
    const small = [Math.ceil(rect[2] / step), Math.ceil(rect[3] / step)] as const;
    if (step > 1) this.bindCoarse(small);
    else this.clear(rect);
    if (step > 1) gl.viewport(0, 0, ...small);
    else gl.viewport(...rect);
    for (const layer of scene.layers) this.layer(viewId, scene.view, layer, report);
    if (step > 1) this.enlarge(small, rect);
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
    gl.clear(gl.COLOR_BUFFER_BIT);
  }

  private enlarge([w, h]: readonly [number, number], rect: DeviceRect): void {
    const { gl } = this;
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.coarse.buffer);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    const [x, y, width, height] = rect;
    gl.blitFramebuffer(0, 0, w, h, x, y, x + width, y + height, gl.COLOR_BUFFER_BIT, gl.LINEAR);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  private layer(viewId: string, view: View, layer: DrawLayer, report: Drawn): void {
    if (layer.opacity <= 0 && layer.outline <= 0) return;
    const source = this.source(viewId, view, layer);
    if (source === "outside") return void report.layers.push(layer.id);
    if (source === null) return void report.waiting.push(layer.id);
    if (source.bin > 1) report.binned[layer.id] = source.bin;
    report.layers.push(layer.id);
    this.quad(view, layer, source);
  }

  private packing(layer: DrawLayer): Packing {
    const kept = this.packings.get(layer.id);
    const key = `${layer.mode} ${layer.volume.revision} ${layer.usual.centre}`;
    if (kept?.key === key) return kept.packing;
    const packing = choosePacking(layer.volume, {
      labels: layer.mode === "labels",
      floatLinear: this.device.floatLinear,
      ...layer.usual,
    });
    this.packings.set(layer.id, { key, packing });
    return packing;
  }

  /** The whole volume when it is there in full, a slab when the plane allows, else what there is. */
  private source(viewId: string, view: View, layer: DrawLayer): Source | "outside" | null {
    const packing = this.packing(layer);
    const whole = this.whole(layer, packing);
    const full = whole?.ready ? { ...placed(whole), slabAxis: null, slabAt: 0, packing } : null;
    if (full && full.bin === 1 && !this.device.software) return full;
    const { volume } = layer;
    const axis = constantAxis(volume.inverse, view.axes.right, view.axes.up);
    if (axis === null) return full;
    const at = volume.toVoxel(view.origin)[axis]!;
    const range = slabRange(at, volume.shape[axis]!, layer.pixelated || layer.mode === "labels");
    if (!range) return "outside";
    const [first, depth] = range;
    for (let k = first; k < first + depth; k++)
      if (!volume.hasSlice(axis, k, layer.frame)) return full;
    const slot = this.slab(viewId, layer, packing, axis, first, depth);
    return { ...slot.placed, slabAxis: axis, slabAt: (at - first + 0.5) / depth, packing };
  }

  private slab(
    viewId: string,
    layer: DrawLayer,
    packing: Packing,
    ...cut: [number, number, number]
  ) {
    const id = `${viewId} ${layer.id}`;
    const key = [layer.volume.revision, layer.frame, layer.mode, layer.usual.centre, ...cut].join();
    const old = this.slabs.get(id);
    if (old?.key === key) return old;
    const data = cutSlab(layer.volume, ...cut, layer.frame);
    const nearest = layer.mode === "labels";
    // The filter belongs to the texture, so a slab is reused only within one mode.
    const reusable = old && old.key.split(",")[2] === layer.mode ? old.placed : null;
    if (old && !reusable) this.gl.deleteTexture(old.placed.texture);
    const slot = { key, placed: placeSlab(this.gl, packing, data, nearest, reusable) };
    this.slabs.set(id, slot);
    return slot;
  }

  private whole(layer: DrawLayer, packing: Packing): VolumeTexture | null {
    const { volume, frame, mode } = layer;
    if (!volume.complete) return null;
    const key = `${volume.revision} ${frame} ${mode} ${layer.usual.centre}`;
    const kept = this.volumes.get(layer.id);
    if (kept?.key === key) return kept.texture;
    kept?.texture.dispose();
    const { maxSize, budgetBytes } = this.device;
    const bin = binFactor(volume.shape, packing.bytesPerVoxel, maxSize, budgetBytes);
    const nearest = mode === "labels";
    const texture = new VolumeTexture(this.gl, volume, packing, frame, bin, nearest);
    this.volumes.set(layer.id, { key, texture });
    return texture;
  }

  /** Upload some more of whichever volume is not finished. */
  upload(bytes: number): { finished: string[]; more: boolean } {
    for (const [id, { texture }] of this.volumes) {
      if (texture.ready) continue;
      return { finished: texture.step(bytes) ? [id] : [], more: true };
    }
    return { finished: [], more: false };
  }

  private quad(view: View, layer: DrawLayer, source: Source): void {
    const { gl } = this;
    const program = this.programs[layer.mode];
    gl.useProgram(program.handle);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_3D, source.texture);
    gl.uniform1i(program.at("u_volume"), 0);
    this.place(view, layer.volume, source, program);
    gl.uniform1f(program.at("u_opacity"), layer.opacity);
    if (layer.mode === "colour") gl.uniform1i(program.at("u_nearest"), Number(layer.pixelated));
    else this.mapping(layer, source, program);
    gl.enable(gl.BLEND);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  private place(view: View, volume: Volume, source: Source, program: Program): void {
    const { gl } = this;
    const { size, mmPerPixel, axes } = view;
    const corner = volume.toVoxel(screenToWorld(view, { x: 0, y: size.height }));
    const origin = corner.map((v, a) => texel(v - source.first[a]! + 0.5, source, a));
    const step = (direction: Vec3, pixels: number): Vec3 => {
      const voxels = applyLinear(volume.inverse, scale(direction, pixels * mmPerPixel));
      return voxels.map((v, a) => texel(v, source, a)) as unknown as Vec3;
    };
    const right = [...step(axes.right, size.width)];
    const up = [...step(axes.up, size.height)];
    if (source.slabAxis !== null) {
      origin[source.slabAxis] = Math.min(1, Math.max(0, source.slabAt));
      right[source.slabAxis] = 0;
      up[source.slabAxis] = 0;
    }
    gl.uniform3fv(program.at("u_origin"), origin);
    gl.uniform3fv(program.at("u_right"), right);
    gl.uniform3fv(program.at("u_up"), up);
    gl.uniform3fv(program.at("u_size"), source.size);
    gl.uniform3fv(
      program.at("u_dx"),
      right.map((v) => v / size.width),
    );
    gl.uniform3fv(
      program.at("u_dy"),
      up.map((v) => v / size.height),
    );
  }

  private mapping(layer: DrawLayer, source: Source, program: Program): void {
    const { gl } = this;
    const { slope, inter } = layer.volume.header;
    const { scale: s, offset } = source.packing;
    const { low, high } = layer.limits;
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.table(layer));
    gl.uniform1i(program.at("u_table"), 1);
    gl.uniform2f(program.at("u_scale"), s * slope, offset * slope + inter);
    gl.uniform2f(program.at("u_limits"), low, 1 / Math.max(high - low, 1e-30));
    gl.uniform1f(program.at("u_gamma"), 1 / layer.gamma);
    gl.uniform2f(program.at("u_threshold"), layer.shown?.low ?? -3e38, layer.shown?.high ?? 3e38);
    gl.uniform1i(program.at("u_nearest"), Number(layer.pixelated));
    gl.uniform1f(program.at("u_outline"), layer.outline);
  }

  private table(layer: DrawLayer): WebGLTexture {
    const { gl } = this;
    const kept = this.tables.get(layer.tableKey);
    if (kept) return kept;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, layer.table);
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
      gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    this.tables.set(layer.tableKey, texture);
    return texture;
  }

  forgetView(viewId: string): void {
    this.dropSlabs((id) => id.startsWith(`${viewId} `));
  }

  forgetLayer(layerId: string): void {
    this.dropSlabs((id) => id.endsWith(` ${layerId}`));
    this.volumes.get(layerId)?.texture.dispose();
    this.volumes.delete(layerId);
    this.packings.delete(layerId);
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

const placed = ({ texture, first, size, bin }: Placed): Placed => ({ texture, first, size, bin });
const texel = (voxels: number, at: Placed, axis: number): number =>
  voxels / (at.size[axis]! * at.bin);
