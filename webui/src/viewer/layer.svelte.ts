// One opened file and how it looks; shared by every viewport that shows it.
import type { Rgb } from "./colormaps";
import { colourTable, labelTable } from "./colormaps";
import { partOf, type ComplexPart } from "./local/complex";
import type { Look } from "./look";
import { settings } from "./settings.svelte";
import { thinSamples } from "./sample";
import type { DrawLayer, Projection } from "./scene";
import { CHANNELS, SQUARES } from "./scene";
import { SeriesVolume } from "./series";
import type { FileRow, Limits, Role } from "./types";
import type { Volume } from "./volume";
import { autoLimits, histogramRange } from "./windowing";

/** A file of the service, one of this computer, or an image made in the page. */
export type LayerSource = { row: FileRow } | { file: File } | { made: string; subject: string };
/** Colours and names of the labels of an atlas; more than 255 of them have a table of 65 536. */
export interface Palette {
  key: string;
  table: Uint8Array;
  names: ReadonlyMap<number, string>;
}

export type LayerStatus = "loading" | "partial" | "ready" | "failed";

/** The row of a file of which another part is asked for. */
function rowOfPart(row: FileRow, part: ComplexPart): FileRow {
  if (part === partOf(row)) return row;
  const [url] = row.volume_url!.split("?");
  return { ...row, volume_url: part === "magnitude" ? url! : `${url}?part=${part}` };
}

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
  const data = volume.streamed ? volume.frameSamples(0)! : volume.data;
  for (let i = 0; i < data.length; i++) if (data[i]! > most) most = data[i]!;
  return Math.round(most * volume.header.slope + volume.header.inter);
}

export class Layer {
  readonly id = `layer${++counter}`;
  readonly name: string;
  readonly subject: string;
  /** Name to show instead of that of the file; images made in the page have only this one. */
  title = $state("");
  /** The row of the service, also of what was made here and saved since; or a local file. */
  row: FileRow | null = $state.raw(null);
  readonly file: File | null;
  /** A surface as the service has checked it. */
  surface: File | null = null;
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
  /** Negative values are drawn as positive ones, in the colours of the other sign. */
  symmetric = $state(false);
  /** Slices put together, 1: one. */
  slab = $state(1);
  project: Projection = $state("max");
  hideBelow = $state(false);
  hideAbove = $state(false);
  outline = $state(true);
  pixelated = $state(false);
  frame = $state(0);
  /** Largest label seen: 1 means a mask. */
  maxLabel = $state(1);
  /** Own colours of labels, null: one for each number. */
  palette: Palette | null = $state.raw(null);
  /** How much coarser than stored the image is on screen, 1: not at all. */
  binned = $state(1);
  /** How many streamlines are drawn of how many. */
  strands: { shown: number; total: number } | null = $state.raw(null);
  samples: Float32Array = $state.raw(new Float32Array(0));

  /** Counts time points that have arrived of a series that is read when it is shown. */
  private arrivals = $state(0);
  private usual = { centre: 0, spread: 1 };
  /** Limits have been chosen by a person, and not from the samples. */
  windowed = false;
  /** What the file says of its colours has been obeyed. */
  private inverted = false;
  private readonly abort = new AbortController();

  constructor(
    source: LayerSource,
    role: Role,
    /** What is shown of complex values. */
    readonly part: ComplexPart = "magnitude",
  ) {
    this.row = "row" in source ? rowOfPart(source.row, part) : null;
    this.file = "file" in source ? source.file : null;
    const made = "made" in source ? source : null;
    this.name = this.row?.name ?? this.file?.name ?? made?.made ?? "";
    this.subject = this.row?.psid ?? made?.subject ?? "";
    this.title = made?.made ?? "";
    this.cacheKey = this.row
      ? `${this.row.volume_url ?? this.row.content_url ?? ""}@${this.row.version ?? ""}`
      : `${this.id}:${this.name}`;
    this.setRole(role);
  }

  /** The series' folder says more than "s001.nii". */
  get label(): string {
    if (this.title) return this.title;
    const folder = (this.row?.folder || this.row?.path?.split("/").slice(0, -1).join("/")) ?? "";
    const series = folder.split("/").at(-1);
    if (this.part !== "magnitude") return `${this.name} · ${this.part}`;
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

  get isComplex(): boolean {
    return this.row?.header?.dtype?.startsWith("complex") ?? this.volume?.header.complex ?? false;
  }

  get isLocal(): boolean {
    return this.file !== null;
  }

  /** Defaults of a role; limits stay. */
  setRole(role: Role): void {
    this.role = role;
    const own = settings();
    this.opacity = { overlay: own.overlayOpacity, labels: own.roiOpacity }[role as string] ?? 1;
    this.colormap = role === "overlay" ? "hot" : "gray";
    this.outline = role === "labels" ? own.outlineRoi : role === "overlay" && own.outlineOverlay;
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
    this.range = volume.header.nora?.histogram ?? histogramRange(this.samples, volume.header.inter);
    if (!this.windowed) this.limits = autoLimits(this.range, this.startsAtZero(volume, fromZero));
    this.setUsual(volume);
    this.invert(volume);
    if (this.role === "labels" && volume.complete) this.maxLabel = largest(volume);
  }

  /** CT and images with negative values have no natural zero. */
  private startsAtZero(volume: Volume, wanted: boolean): boolean {
    if (this.role === "overlay") return true;
    if (volume.header.nora?.histogram) return false;
    return wanted && volume.header.inter >= 0 && this.samples.every((value) => value >= 0);
  }

  /** Film-like objects (MONOCHROME1) say that their lowest value is the brightest. */
  private invert({ header }: Volume): void {
    const meant = header.marks?.includes("inv") && this.role === "background";
    if (meant && this.colormap === "gray" && !this.inverted) this.colormap = "inverse";
    this.inverted = true;
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

  get look(): Look {
    const { visible, opacity, colormap, colour, limits, gamma, symmetric } = this;
    const { hideBelow, hideAbove, outline, pixelated, frame, slab, project } = this;
    const shown = { visible, opacity, colormap, colour, limits, gamma, symmetric };
    return { ...shown, hideBelow, hideAbove, outline, pixelated, frame, slab, project };
  }

  change(patch: Partial<Look>): void {
    const { limits, ...rest } = patch;
    Object.assign(this, rest);
    if (limits) this.setLimits(limits);
  }

  /** The time point that can be drawn; the wanted one is asked for when it is not there. */
  private frameFor(volume: Volume, wanted: number, viewport: string): number | null {
    const frame = Math.min(wanted, volume.frames - 1);
    if (!(volume instanceof SeriesVolume)) return frame;
    void this.arrivals;
    return volume.show(
      viewport,
      frame,
      () => this.arrivals++,
      (error) => this.fail(error),
    );
  }

  /** Whether the time point that is asked for has not arrived yet. */
  get awaits(): boolean {
    void this.arrivals;
    return this.volume?.streamed === true && this.volume.frameSamples(this.frame) === null;
  }

  /** What the engine draws with a look in a viewport; null while there is nothing. */
  drawn(look: Look = this.look, viewport = ""): DrawLayer | null {
    const { volume } = this;
    const { limits } = look;
    if (!volume || !look.visible || !this.isVolume || this.revision === 0) return null;
    const frame = this.frameFor(volume, look.frame, viewport);
    if (frame === null) return null;
    const mode = volume.channels > 1 ? "colour" : this.role === "labels" ? "labels" : "scalar";
    const labels = mode === "labels";
    const single = this.maxLabel <= 1;
    const fades = this.role === "overlay";
    const symmetric = look.symmetric && mode === "scalar";
    const kind = labels ? `labels ${single}` : `${look.colormap} ${fades} ${symmetric}`;
    const palette = labels && !single ? this.palette : null;
    const tableKey = palette ? `${this.id} ${palette.key}` : `${kind} ${look.colour.join()}`;
    const make = (): Uint8Array =>
      labels
        ? labelTable(look.colour, single)
        : colourTable(look.colormap, look.colour, fades, symmetric);
    return {
      id: this.id,
      volume,
      frame,
      mode,
      limits,
      channels: look.colormap === SQUARES ? null : (CHANNELS[look.colormap] ?? CHANNELS["RGB"]!),
      gamma: look.gamma,
      shown: shownLimits(look),
      symmetric,
      table: palette?.table ?? kept(tableKey, make),
      tableKey,
      opacity: look.opacity,
      outline: look.outline && mode !== "colour" ? outlineOf(this.role, look.opacity) : 0,
      pixelated: look.pixelated,
      slab: mode === "scalar" ? look.slab : 1,
      project: look.project,
      usual: this.usual,
    };
  }

  /** Draw again what has been told to the volume. */
  refresh(): void {
    if (this.volume) this.revision = this.volume.revision;
  }

  fail(error: unknown): void {
    this.error = error;
    this.status = "failed";
  }

  close(): void {
    this.abort.abort();
  }
}

function shownLimits({ limits: { low, high }, hideBelow, hideAbove }: Look): Limits | null {
  return hideBelow || hideAbove
    ? { low: hideBelow ? low : -FAR, high: hideAbove ? high : FAR }
    : null;
}

/** Outlines are stronger than what they enclose; those of images would only frame them. */
const outlineOf = (role: Role, opacity: number): number =>
  role === "background" ? 0 : Math.min(1, opacity + 0.5);
