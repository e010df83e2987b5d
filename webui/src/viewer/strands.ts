// Streamlines inside NiiVue's picture: its readers, our lines instead of its tubes.
import type NiiVue from "@niivue/niivue/webgl2";
import { toApiError } from "../core/problem";
import type { FiberLook } from "./fiberpainter";
import { FiberPainter } from "./fiberpainter";
import type { FiberLines, Streamlines } from "./fibers";
import { fiberLines, proxyOf } from "./fibers";
import { mz3 } from "./isosurface";
import { IDENTITY } from "./linalg";
import type { Fibers3d } from "./nv";
import type { Pose3d } from "./pose3d";
import { readTck } from "./tck";

export interface StrandCount {
  shown: number;
  total: number;
}

/** What NiiVue's own drawing is, as far as lines need it. */
interface View {
  gl: WebGL2RenderingContext | null;
  isBusy: boolean;
  render: () => void;
}

async function bytesOf(source: string | File): Promise<ArrayBuffer> {
  if (source instanceof File) return source.arrayBuffer();
  const answer = await fetch(source, { credentials: "same-origin" });
  if (!answer.ok) throw await toApiError(answer, `GET ${source}`);
  return answer.arrayBuffer();
}

/** Points that are drawn at once: by a graphics card, and by the processor. */
const MOST_POINTS = { card: 4e6, software: 400e3 };
/** NiiVue makes a tube of the first streamline only. */
const NONE = 1e9;

export class Strands {
  readonly counts = new Map<string, StrandCount>();
  /** Something that lets light through is drawn too. */
  through = false;
  private readonly boxes = new Map<string, FiberLines["box"]>();
  private looks = new Map<string, FiberLook>();
  private painter: FiberPainter | null = null;

  constructor(
    private readonly nv: NiiVue,
    private readonly software: boolean,
    private readonly pose: () => Pose3d,
  ) {
    const view = nv.view as unknown as View | null;
    if (!view) return;
    const draw = view.render.bind(view);
    view.render = () => {
      draw();
      if (!view.isBusy) this.painter?.draw(this.pose(), this.looks, this.through);
    };
  }

  /** Colours and opacities change without anything being read again. */
  look(fibers: readonly Fibers3d[]): void {
    this.looks = new Map(fibers.map(({ id, colour, opacity }) => [id, { colour, opacity }]));
  }

  /** Read what is new and forget what is gone; gives what stands for them in NiiVue's scene. */
  async take(fibers: readonly Fibers3d[]): Promise<{ url: File; name: string }[]> {
    const ids = new Set(fibers.map(({ id }) => id));
    for (const id of [...this.boxes.keys()]) if (!ids.has(id)) this.drop(id);
    for (const one of fibers) if (!this.boxes.has(one.id)) await this.read(one);
    return fibers.flatMap(({ id }) => {
      const box = this.boxes.get(id);
      const name = `${id}.mz3`;
      return box ? [{ url: new File([mz3(proxyOf(box), IDENTITY)], name), name }] : [];
    });
  }

  /** TrackVis' and other formats are read by NiiVue, those of mrtrix by ourselves: its reader
   * loses the first streamline. */
  private async streamlines({ source, name }: Fibers3d): Promise<Streamlines | undefined> {
    if (/\.tck$/i.test(name)) return readTck(await bytesOf(source));
    const tractOptions = { decimation: NONE, fiberSides: 3 };
    await this.nv.loadMeshes([{ url: source, name, tractOptions }]);
    return this.nv.meshes.find((mesh) => mesh.trx)?.trx ?? undefined;
  }

  private async read(one: Fibers3d): Promise<void> {
    const { id } = one;
    const found = await this.streamlines(one);
    const { gl } = this.nv.view as unknown as View;
    if (!found || !gl) return;
    const most = this.software ? MOST_POINTS.software : MOST_POINTS.card;
    const lines = fiberLines(found, most);
    this.painter ??= new FiberPainter(gl);
    this.painter.take(id, lines);
    this.boxes.set(id, lines.box);
    this.counts.set(id, { shown: lines.shown, total: lines.total });
  }

  private drop(id: string): void {
    this.boxes.delete(id);
    this.counts.delete(id);
    this.painter?.drop(id);
  }

  dispose(): void {
    this.painter?.dispose();
    this.painter = null;
  }
}
