// One opened file and how it looks; shared by every viewport that shows it.
import type { Rgb } from "./colormaps";
import { colourTable, labelTable } from "./colormaps";
import { thinSamples } from "./sample";
import type { DrawLayer } from "./scene";
import type { FileRow, Limits, Role } from "./types";
import type { Volume } from "./volume";
import { autoLimits, histogramRange } from "./windowing";

export type LayerStatus = "loading" | "partial" | "ready" | "failed";

/** Beyond any value, yet a number to a 32-bit shader. */
const FAR = 3e38;
const tables = new Map<string, Uint8Array>();
let counter = 0;

function kept(key: string, make: () => Uint8Array): Uint8Array {
  const table = tables.get(key) ?? make();
  tables.set(key, table);
  return table;
}

/** Largest label of a volume, over every voxel. */
function largest(volume: Volume): number {
  let most = 1;
  const { data } = volume;
  for (let i = 0; i < data.length; i++) if (data[i]! > most) most = data[i]!;
  return Math.round(most * volume.header.slope + volume.header.inter);
}

export class Layer {
  readonly id = `layer${++counter}`;
  readonly name: string;
  readonly subject: string;
  /** The row of the service, or the file of this computer. */
  readonly row: FileRow | null;
  readonly file: File | null;
  /** Where the bytes are kept in the cache. */
  readonly cacheKey: string;

  role: Role = $state("background");
  status: LayerStatus = $state("loading");
  progress = $state(0);
  error: unknown = $state.raw(null);
  volume: Volume | null = $state.raw(null);
  /** Counts changes of the samples behind `volume`. */
  revision = $state(0);

  visible = $state(true);
  opacity = $state(1);
  colormap = $state("gray");
  colour: Rgb = $state.raw([165, 120, 255]);
  limits: Limits = $state.raw({ low: 0, high: 1 });
  range: Limits = $state.raw({ low: 0, high: 1 });
  gamma = $state(1);
  hideBelow = $state(false);
  hideAbove = $state(false);
  outline = $state(true);
  pixelated = $state(false);
  frame = $state(0);
  /** Largest label seen: 1 means a mask. */
  maxLabel = $state(1);
  /** How much coarser than stored the image is on screen, 1: not at all. */
  binned = $state(1);
  samples: Float32Array = $state.raw(new Float32Array(0));

  private usual = { centre: 0, spread: 1 };
  private windowed = false;
  private readonly abort = new AbortController();

  constructor(source: { row: FileRow } | { file: File }, role: Role) {
    this.row = "row" in source ? source.row : null;
    this.file = "file" in source ? source.file : null;
    this.name = this.row?.name ?? this.file?.name ?? "";
    this.subject = this.row?.psid ?? "";
    this.cacheKey = this.row
      ? `${this.row.volume_url ?? this.row.content_url ?? ""}@${this.row.version ?? ""}`
      : `${this.id}:${this.name}`;
    this.setRole(role);
  }

  /** The series' folder says more than "s001.nii". */
  get label(): string {
    const folder = (this.row?.folder || this.row?.path?.split("/").slice(0, -1).join("/")) ?? "";
    const series = folder.split("/").at(-1);
    const generic = /^s(\d+)\.nii(\.gz)?$/i.exec(this.name);
    if (!generic || !series) return this.name;
    return Number(generic[1]) === 1 ? series : `${series}/${this.name}`;
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  get isVolume(): boolean {
    return this.role === "background" || this.role === "overlay" || this.role === "labels";
  }

  get isLocal(): boolean {
    return this.file !== null;
  }

  /** Defaults of a role; limits stay. */
  setRole(role: Role): void {
    this.role = role;
    this.opacity = role === "overlay" ? 0.7 : role === "labels" ? 0.4 : 1;
    this.colormap = role === "overlay" ? "hot" : "gray";
    this.hideBelow = role === "overlay";
    this.hideAbove = false;
  }

  /** Samples have arrived: the middle slice, or everything. */
  take(volume: Volume, fromZero = true): void {
    this.volume = volume;
    this.revision = volume.revision;
    this.status = volume.complete ? "ready" : "partial";
    if (volume.channels > 1) return;
    this.samples = thinSamples(volume, Math.min(this.frame, volume.frames - 1));
    this.range = histogramRange(this.samples, volume.header.inter);
    if (!this.windowed) this.limits = autoLimits(this.range, this.startsAtZero(volume, fromZero));
    this.setUsual(volume);
    if (this.role === "labels" && volume.complete) this.maxLabel = largest(volume);
  }

  /** CT and images with negative values have no natural zero. */
  private startsAtZero(volume: Volume, wanted: boolean): boolean {
    if (this.role === "overlay") return true;
    return wanted && volume.header.inter >= 0 && this.samples.every((value) => value >= 0);
  }

  /** Texels are packed around the first guess and stay so: moving it would mean a new upload. */
  private setUsual(volume: Volume): void {
    if (this.usual.spread !== 1 || this.usual.centre !== 0) return;
    const { slope, inter } = volume.header;
    const centre = ((this.range.low + this.range.high) / 2 - inter) / slope;
    const spread = Math.abs((this.range.high - this.range.low) / slope);
    this.usual = { centre: Number.isFinite(centre) ? centre : 0, spread: spread || 1 };
  }

  /** Limits chosen by a person are kept when more samples arrive. */
  setLimits(limits: Limits): void {
    if (!(limits.high > limits.low)) return;
    this.windowed = true;
    this.limits = limits;
  }

  setAuto(fromZero: boolean): void {
    this.windowed = false;
    this.limits = autoLimits(this.range, fromZero);
  }

  /** What the engine draws; null while there is nothing. */
  drawn(): DrawLayer | null {
    const { volume, limits } = this;
    if (!volume || !this.visible || !this.isVolume || this.revision === 0) return null;
    const mode = volume.channels > 1 ? "colour" : this.role === "labels" ? "labels" : "scalar";
    const labels = mode === "labels";
    const single = this.maxLabel <= 1;
    const fades = this.role === "overlay";
    const kind = labels ? `labels ${single}` : `${this.colormap} ${fades}`;
    const tableKey = `${kind} ${this.colour.join()}`;
    const make = (): Uint8Array =>
      labels ? labelTable(this.colour, single) : colourTable(this.colormap, this.colour, fades);
    return {
      id: this.id,
      volume,
      frame: Math.min(this.frame, volume.frames - 1),
      mode,
      limits,
      gamma: this.gamma,
      shown: this.shown(limits),
      table: kept(tableKey, make),
      tableKey,
      opacity: this.opacity,
      outline: labels && this.outline ? Math.min(1, this.opacity + 0.5) : 0,
      pixelated: this.pixelated,
      usual: this.usual,
    };
  }

  private shown({ low, high }: Limits): Limits | null {
    if (!this.hideBelow && !this.hideAbove) return null;
    // At a lower limit of 0 the empty surroundings are what has to go.
    const least = low === 0 ? 1e-30 : low;
    return { low: this.hideBelow ? least : -FAR, high: this.hideAbove ? high : FAR };
  }

  fail(error: unknown): void {
    this.error = error;
    this.status = "failed";
  }

  close(): void {
    this.abort.abort();
  }
}
