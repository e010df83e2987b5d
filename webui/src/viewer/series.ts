// A long series in time: only some time points are in memory, the others are read when shown.
import type { NiftiHeader, StoredArray } from "./nifti";
import { NiftiError, samples } from "./nifti";
import { Volume } from "./volume";

/** Bytes of the file from an offset on. */
export type ReadRange = (from: number, length: number, signal: AbortSignal) => Promise<ArrayBuffer>;

/** Time points kept in memory, in bytes; what is on the screen is kept in any case. */
const KEPT_BYTES = 64 * 2 ** 20;
/** Single values asked for at the same time. */
const AT_ONCE = 6;

interface Asked {
  abort: AbortController;
  promise: Promise<void>;
}

export class SeriesVolume extends Volume {
  private readonly kept = new Map<number, StoredArray>();
  private readonly asked = new Map<number, Asked>();
  /** The time point that each viewport shows. */
  private readonly shown = new Map<string, number>();
  private readonly curves = new Map<string, Promise<number[]>>();

  constructor(
    name: string,
    header: NiftiHeader,
    private readonly read: ReadRange,
    private readonly keptBytes = KEPT_BYTES,
  ) {
    super(name, header, samples({ ...header, dataOffset: 0, dataBytes: 0 }, new ArrayBuffer(0)));
  }

  override get streamed(): boolean {
    return true;
  }

  override get bytes(): number {
    return [...this.kept.values()].reduce((sum, one) => sum + one.byteLength, 0);
  }

  get frameBytes(): number {
    return this.voxelsPerFrame * this.channels * this.header.bytesPerSample;
  }

  override frameSamples(frame: number): StoredArray | null {
    return this.kept.get(frame) ?? null;
  }

  override hasSlice(_axis: number, _index: number, frame: number): boolean {
    return this.kept.has(frame);
  }

  /**
   * What a viewport can show while it waits for a time point: that one, or the one it showed
   * before; null: nothing. `arrived` is called when the wish can be met.
   */
  show(
    viewport: string,
    frame: number,
    arrived: () => void,
    failed: (e: unknown) => void,
  ): number | null {
    if (this.kept.has(frame)) {
      this.shown.set(viewport, frame);
      this.recent(frame);
      this.ahead(frame);
      return frame;
    }
    if (!this.asked.has(frame)) {
      this.stopOthers(frame);
      this.ensure(frame).then(arrived, (error: unknown) => {
        if (!(error instanceof DOMException && error.name === "AbortError")) failed(error);
      });
    }
    const before = this.shown.get(viewport);
    if (before !== undefined && this.kept.has(before)) return before;
    return [...this.kept.keys()].at(-1) ?? null;
  }

  /** Read a time point unless it is there. */
  ensure(frame: number): Promise<void> {
    if (this.kept.has(frame)) return Promise.resolve();
    const known = this.asked.get(frame);
    if (known) return known.promise;
    const abort = new AbortController();
    const promise = this.fetchFrame(frame, abort.signal).finally(() => this.asked.delete(frame));
    this.asked.set(frame, { abort, promise });
    return promise;
  }

  /** Values of one voxel at every time point, read one by one. */
  curve(voxel: readonly [number, number, number]): Promise<number[]> {
    const key = voxel.join();
    const known = this.curves.get(key);
    if (known) return known;
    if (this.curves.size > 100) this.curves.clear();
    const made = this.readCurve(this.offset(voxel));
    this.curves.set(key, made);
    made.catch(() => this.curves.delete(key));
    return made;
  }

  private async readCurve(at: number): Promise<number[]> {
    const { bytesPerSample: width, slope, inter } = this.header;
    const out = new Array<number>(this.frames).fill(NaN);
    const { signal } = new AbortController();
    let next = 0;
    const one = async (): Promise<void> => {
      while (next < this.frames) {
        const frame = next++;
        const there = this.kept.get(frame);
        const value = there
          ? there[at]!
          : this.parse(await this.read(this.placeOf(frame) + at * width, width, signal), 1)[0]!;
        out[frame] = value * slope + inter;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    return out;
  }

  private placeOf(frame: number): number {
    return this.header.dataOffset + frame * this.frameBytes;
  }

  private parse(bytes: ArrayBuffer, n: number): StoredArray {
    const wanted = n * this.header.bytesPerSample;
    if (bytes.byteLength !== wanted)
      throw new NiftiError(
        `The file is cut: ${wanted} bytes expected, ${bytes.byteLength} found.`,
        "It may have changed meanwhile; open it again.",
      );
    return samples({ ...this.header, dataOffset: 0, dataBytes: wanted }, bytes);
  }

  private async fetchFrame(frame: number, signal: AbortSignal): Promise<void> {
    const bytes = await this.read(this.placeOf(frame), this.frameBytes, signal);
    this.kept.set(frame, this.parse(bytes, this.voxelsPerFrame * this.channels));
    this.complete = true;
    if (this.revision === 0) this.revision = 1;
    this.trim(frame);
  }

  /** The last used goes to the end: the first is the next to go. */
  private recent(frame: number): void {
    const data = this.kept.get(frame)!;
    this.kept.delete(frame);
    this.kept.set(frame, data);
  }

  private trim(newest: number): void {
    const shown = new Set(this.shown.values());
    for (const frame of this.kept.keys()) {
      if (this.bytes <= this.keptBytes) return;
      if (frame !== newest && !shown.has(frame)) this.kept.delete(frame);
    }
  }

  /** The next time point is fetched before it is asked for, where there is room for three. */
  private ahead(frame: number): void {
    const next = frame + 1;
    if (next >= this.frames || this.asked.size > 0 || this.kept.has(next)) return;
    if (this.frameBytes * 3 <= this.keptBytes) void this.ensure(next).catch(() => undefined);
  }

  /** Somebody who scrolls on no longer waits for what was passed. */
  private stopOthers(frame: number): void {
    const waiting = [...this.asked].filter(([other]) => other !== frame);
    for (const [, { abort }] of waiting.slice(0, Math.max(0, waiting.length - 2))) abort.abort();
  }
}
