// The 2D engine: one WebGL2 canvas for all viewports; draws what changed, when it changed.
import { LayerPainter } from "./painter";
import type { Scene } from "./scene";
import { signature } from "./scene";

export interface Drawn {
  /** Layers with data on screen. */
  layers: string[];
  /** Layers whose data could not be drawn yet. */
  waiting: string[];
  /** Layers shown with fewer voxels than they have, and by how much. */
  binned: Record<string, number>;
}

export interface EngineEvents {
  drawn?: (viewId: string, report: Drawn) => void;
  lost?: (lost: boolean) => void;
}

interface Slot {
  scene: Scene;
  signature: string;
  dirty: boolean;
  /** Device pixels that a drawn pixel is wide. */
  step: number;
  /** Rows of device pixels, from the lowest on, that are sharp already in a coarse picture. */
  rows: number;
}

/** How long after the last change a gesture is over, at least and at most. */
const STILL_MS = 130;
const STILL_AT_MOST_MS = 600;
/** Sketches of all that changed in a frame may take so long at half resolution. */
const SKETCH_MS = 14;
const UPLOAD_BYTES = 6 * 2 ** 20;
/** A frame that sharpens a part of a picture shall take so long; pixels it has at least, at first. */
const BAND_MS = 30;
const LEAST_BAND = 16_000;
const FIRST_BAND = 20_000;

/** Who paints with a context; null: nobody can. */
const paintsOn = (gl: WebGL2RenderingContext | null): LayerPainter | null =>
  gl && !gl.isContextLost() ? new LayerPainter(gl) : null;

export class Engine {
  private gl: WebGL2RenderingContext | null = null;
  private painter: LayerPainter | null = null;
  private readonly slots = new Map<string, Slot>();
  private frame = 0;
  private stillTimer: ReturnType<typeof setTimeout> | undefined;
  private uploadTimer: ReturnType<typeof setTimeout> | undefined;
  private movingUntil = 0;
  /** What the sketches of a frame take at half resolution, and the time from frame to frame. */
  private sketchMs = 0;
  private frameMs = 8;
  private lastMoved = 0;
  /** Pixels that a frame sharpens, and when the last one did. */
  private bandPixels = FIRST_BAND;
  private lastBand = 0;
  private ratio = 1;

  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly events: EngineEvents = {},
    private readonly paints = paintsOn,
  ) {
    canvas.addEventListener("webglcontextlost", this.onLost);
    canvas.addEventListener("webglcontextrestored", this.onRestored);
    this.start();
  }

  get available(): boolean {
    return this.painter !== null;
  }

  /** True when drawing is done by the processor. */
  get software(): boolean {
    return this.painter?.device.software ?? false;
  }

  /** Make the driver compile everything now, before the first image is opened. */
  warmUp(): void {
    this.painter?.warmUp();
  }

  private start(): void {
    const gl = this.canvas.getContext("webgl2", {
      alpha: false,
      antialias: false,
      depth: false,
      stencil: false,
      // Viewports that did not change keep their pixels.
      preserveDrawingBuffer: true,
      powerPreference: "high-performance",
    });
    this.gl = gl;
    this.painter = this.paints(gl);
  }

  private readonly onLost = (event: Event): void => {
    event.preventDefault();
    this.painter = null;
    this.events.lost?.(true);
  };

  private readonly onRestored = (): void => {
    this.start();
    this.events.lost?.(false);
    this.redraw();
  };

  /** Match the drawing buffer to the box of the canvas; everything is drawn again. */
  resize(width: number, height: number, ratio: number): void {
    const [w, h] = [
      Math.max(1, Math.round(width * ratio)),
      Math.max(1, Math.round(height * ratio)),
    ];
    if (this.canvas.width === w && this.canvas.height === h && this.ratio === ratio) return;
    this.ratio = ratio;
    this.canvas.width = w;
    this.canvas.height = h;
    this.redraw();
  }

  /** Show a scene in a viewport from the next frame on. */
  show(viewId: string, scene: Scene): void {
    const next = signature(scene);
    const old = this.slots.get(viewId);
    if (old && old.signature === next && !old.dirty) {
      old.scene = scene;
      return;
    }
    this.slots.set(viewId, { scene, signature: next, dirty: true, step: 1, rows: 0 });
    this.schedule();
  }

  /** Show all pictures of a viewport; those it no longer has are cleared. */
  showAll(viewportId: string, scenes: Readonly<Record<string, Scene>>): void {
    for (const id of [...this.slots.keys()])
      if ((id === viewportId || id.startsWith(`${viewportId}/`)) && !(id in scenes))
        this.remove(id);
    for (const [id, scene] of Object.entries(scenes)) this.show(id, scene);
  }

  /** Forget a viewport and clear its place. */
  remove(viewId: string): void {
    const slot = this.slots.get(viewId);
    if (!slot) return;
    this.slots.delete(viewId);
    this.painter?.forgetView(viewId);
    if (this.painter) this.painter.clear(this.deviceRect(slot.scene));
  }

  /** How many layers have textures. */
  get held(): number {
    return this.painter?.held ?? 0;
  }

  /** Drop everything kept of a layer that nobody shows any more. */
  forgetLayer(layerId: string): void {
    this.painter?.forgetLayer(layerId);
  }

  redraw(): void {
    for (const slot of this.slots.values()) slot.dirty = true;
    this.schedule();
  }

  /** Tell that a gesture is going on: coarse pictures are welcome when the device is slow. */
  moving(): void {
    this.movingUntil = performance.now() + this.stillMs;
  }

  /** A gesture is over after some frames' time: sharp pictures in between would slow it down. */
  private get stillMs(): number {
    return Math.max(STILL_MS, Math.min(STILL_AT_MOST_MS, 4 * this.frameMs));
  }

  private schedule(): void {
    if (!this.frame) this.frame = requestAnimationFrame(this.flush);
  }

  private readonly flush = (): void => {
    this.frame = 0;
    if (!this.painter) return;
    const start = performance.now();
    const step = start < this.movingUntil ? this.step : 1;
    let drawn = 0;
    for (const [id, slot] of this.slots) if (slot.dirty && ++drawn) this.draw(id, slot, step);
    if (drawn && step > 1) this.learn(start, step);
    else if (!drawn && start >= this.movingUntil) drawn = this.sharpen(start);
    this.sharpenLater(this.movingUntil - start);
    if (drawn) this.uploadLater();
  };

  /** Wait until the device has done all it was told. */
  private wait(): void {
    this.gl?.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  /** Nothing waits for the device to tell how long it takes: that would make it slower. */
  private learn(start: number, step: number): void {
    const half = (performance.now() - start) * (step / 2) ** 2;
    this.sketchMs += 0.3 * (half - this.sketchMs);
    const since = start - this.lastMoved;
    if (since < 1000) this.frameMs += 0.3 * (since - this.frameMs);
    this.lastMoved = start;
  }

  /** Device pixels that a pixel of a moving picture is wide. */
  get step(): number {
    return !this.software ? 1 : this.sketchMs > SKETCH_MS ? 3 : 2;
  }

  private draw(id: string, slot: Slot, step: number): void {
    const report: Drawn = { layers: [], waiting: [], binned: {} };
    this.painter?.paint(id, slot.scene, this.deviceRect(slot.scene), step, report);
    slot.dirty = false;
    slot.step = step;
    slot.rows = 0;
    this.events.drawn?.(id, report);
  }

  /** Draw some rows of a coarse picture again, so that a gesture never waits for all of it. */
  private sharpen(start: number): number {
    const coarse = this.coarse;
    if (!coarse) return 0;
    this.paceBands(start);
    const [id, slot] = coarse;
    const rect = this.deviceRect(slot.scene);
    const n = Math.max(1, Math.round(this.bandPixels / Math.max(1, rect[2])));
    const band = [slot.rows, Math.min(rect[3], slot.rows + n)] as const;
    const report: Drawn = { layers: [], waiting: [], binned: {} };
    this.painter?.paint(id, slot.scene, rect, 1, report, band);
    // As long as the device lacks volumes, the processor has drawn all of it.
    slot.rows = report.waiting.length ? rect[3] : band[1];
    if (slot.rows < rect[3]) return 1;
    slot.step = 1;
    this.events.drawn?.(id, report);
    return 1;
  }

  /** The time from one of these frames to the next tells how much a frame may do. */
  private paceBands(start: number): void {
    const since = start - this.lastBand;
    this.lastBand = start;
    if (since > 500) return;
    const factor = Math.min(1.5, Math.max(0.5, BAND_MS / since));
    this.bandPixels = Math.max(LEAST_BAND, this.bandPixels * factor);
  }

  private get coarse(): [string, Slot] | undefined {
    return [...this.slots].find(([, { step }]) => step > 1);
  }

  private sharpenLater(afterMs: number): void {
    clearTimeout(this.stillTimer);
    if (!this.coarse) return;
    if (afterMs <= 0) this.schedule();
    else this.stillTimer = setTimeout(() => this.schedule(), afterMs);
  }

  /** Fill whole-volume textures between frames. */
  private uploadLater(): void {
    if (this.uploadTimer !== undefined) return;
    this.uploadTimer = setTimeout(() => {
      this.uploadTimer = undefined;
      if (!this.painter) return;
      const idle = performance.now() >= this.movingUntil;
      const state = this.painter.upload(idle ? UPLOAD_BYTES : UPLOAD_BYTES / 4);
      if (state.finished.length) this.redrawLayers(state.finished);
      if (state.more) this.uploadLater();
    }, 30);
  }

  private redrawLayers(ids: readonly string[]): void {
    const shown = [...this.slots.values()].filter(({ scene }) =>
      scene.layers.some(({ id }) => ids.includes(id)),
    );
    for (const slot of shown)
      if (this.software) Object.assign(slot, { step: Math.max(2, slot.step), rows: 0 });
      else slot.dirty = true;
    this.schedule();
  }

  private deviceRect(scene: Scene): [number, number, number, number] {
    const { left, top, width, height } = scene.rect;
    const x0 = Math.round(left * this.ratio);
    const x1 = Math.round((left + width) * this.ratio);
    const y0 = Math.round(top * this.ratio);
    const y1 = Math.round((top + height) * this.ratio);
    return [x0, this.canvas.height - y1, x1 - x0, y1 - y0];
  }

  /** Draw what is pending now and wait until the pixels exist (first-slice mark, benches). */
  settle(): void {
    if (this.frame) {
      cancelAnimationFrame(this.frame);
      this.flush();
    }
    this.wait();
  }

  /** Draw everything in full, even within a gesture, and wait until the pixels exist. */
  finish(): void {
    this.movingUntil = 0;
    for (const slot of this.slots.values()) if (slot.step > 1) slot.dirty = true;
    this.schedule();
    this.settle();
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.stillTimer);
    clearTimeout(this.uploadTimer);
    this.canvas.removeEventListener("webglcontextlost", this.onLost);
    this.canvas.removeEventListener("webglcontextrestored", this.onRestored);
    this.painter?.dispose();
    this.painter = null;
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
