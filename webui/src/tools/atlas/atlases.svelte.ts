// The atlases in the viewer: names, colours and places of their labels, and which are shown.
import { api, path } from "../../core/api";
import { toPlain } from "./colours";
import type { Layer } from "../../viewer";
import { viewer } from "../../viewer";
import { maskOf, paletteTable, regionsOf, type Region } from "./regions";
import { fill, text } from "./strings";

interface Told {
  labels: { value: number; name: string; color: string }[];
  source: string;
  problem: string;
}

export interface AtlasLabel extends Region {
  name: string;
  ml: number;
}

/** Whether a layer is an atlas: a label map, not the mask of one ROI. */
export const isAtlas = (layer: Layer): boolean =>
  layer.role === "labels" && layer.status === "ready" && layer.maxLabel > 1;

export class Atlas {
  labels: AtlasLabel[] = $state.raw([]);
  colours: ReadonlyMap<number, string> = $state.raw(new Map());
  hidden: ReadonlySet<number> = $state.raw(new Set());
  told: Told | null = $state.raw(null);
  error: unknown = $state.raw(null);
  private version = 0;

  constructor(readonly layer: Layer) {
    this.measure();
    void this.ask();
  }

  private get samples() {
    const volume = this.layer.volume!;
    const { slope, inter } = volume.header;
    return { data: volume.data, shape: volume.shape, slope, inter };
  }

  private measure(): void {
    const volume = this.layer.volume!;
    const [a, b, c] = [0, 1, 2].map((axis) =>
      [0, 4, 8].map((row) => volume.affine[row + axis]!),
    ) as [number[], number[], number[]];
    const det =
      a[0]! * (b[1]! * c[2]! - b[2]! * c[1]!) -
      a[1]! * (b[0]! * c[2]! - b[2]! * c[0]!) +
      a[2]! * (b[0]! * c[1]! - b[1]! * c[0]!);
    const ml = Math.abs(det) / 1000;
    this.labels = regionsOf(this.samples).map((region) => ({
      ...region,
      name: fill(text.label, { n: region.value }),
      ml: region.n * ml,
    }));
    this.colours = new Map(this.labels.map(({ value }) => [value, toPlain(value)]));
    this.paint();
  }

  /** Names and colours from the service; a file of this computer has numbers only. */
  private async ask(): Promise<void> {
    const id = this.layer.row?.id;
    if (id === undefined) return;
    try {
      this.told = await api.get<Told>(path("labels", id));
    } catch (error) {
      this.error = error;
      return;
    }
    const names = new Map(this.told.labels.map((one) => [one.value, one]));
    const named = (one: AtlasLabel): string => names.get(one.value)?.name ?? one.name;
    this.labels = this.labels.map((one) => ({ ...one, name: named(one) }));
    this.colours = new Map(
      this.labels.map(({ value }) => [value, names.get(value)?.color ?? toPlain(value)]),
    );
    this.paint();
  }

  private paint(): void {
    const table = paletteTable(this.colours, (value) => !this.hidden.has(value));
    const names = new Map(this.labels.map(({ value, name }) => [value, name]));
    this.layer.palette = { key: `atlas ${++this.version}`, table, names };
  }

  /** The label under the crosshair. */
  get here(): AtlasLabel | null {
    const { volume } = this.layer;
    const voxel = volume?.voxelAt(viewer.crosshair);
    const value = voxel ? volume!.value(voxel, Math.min(this.layer.frame, volume!.frames - 1)) : 0;
    return this.labels.find((one) => one.value === value) ?? null;
  }

  isShown(value: number): boolean {
    return !this.hidden.has(value);
  }

  toggle(value: number): void {
    const hidden = new Set(this.hidden);
    if (!hidden.delete(value)) hidden.add(value);
    this.hide(hidden);
  }

  /** Show one label alone, or all again when it is already alone. */
  only(value: number): void {
    const others = this.labels.map((one) => one.value).filter((one) => one !== value);
    const alone = this.isShown(value) && others.every((one) => this.hidden.has(one));
    this.hide(alone ? new Set() : new Set(others));
  }

  hide(values: ReadonlySet<number>): void {
    this.hidden = values;
    this.paint();
  }

  colour(value: number, colour: string): void {
    this.colours = new Map([...this.colours, [value, colour]]);
    this.paint();
  }

  /** Put the crosshair into a label and bring it into sight. */
  jump({ voxel }: AtlasLabel): void {
    const { affine } = this.layer.volume!;
    const mm = [0, 1, 2].map(
      (row) =>
        affine[4 * row]! * voxel[0] +
        affine[4 * row + 1]! * voxel[1] +
        affine[4 * row + 2]! * voxel[2] +
        affine[4 * row + 3]!,
    ) as [number, number, number];
    viewer.setCrosshair(mm);
    for (const viewport of viewer.viewports) viewport.centre = mm;
  }

  mask(values: readonly number[]): Uint8Array {
    return maskOf(this.samples, new Set(values));
  }
}

const known = new WeakMap<Layer, Atlas>();

/** The atlas of a layer; made when it is first asked for. */
export function atlasOf(layer: Layer): Atlas {
  const atlas = known.get(layer) ?? new Atlas(layer);
  known.set(layer, atlas);
  return atlas;
}
