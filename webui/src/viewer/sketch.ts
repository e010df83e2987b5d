// A small picture of a scene made by the processor, for moving ones where no graphics device helps.
// Windows, colours and labels are those of the shaders; only its resolution is lower.
import type { PictureSize } from "./gather";
import { offsets, values } from "./gather";
import { labelIndex } from "./packing";
import type { GridLike, View } from "./planes";
import { sameGrid } from "./quad";
import type { DrawLayer } from "./scene";

const BLACK = 0xff000000;

/** Whether a layer can be sketched: all of it is there, one slice of it, on its own voxels. */
function plain(layer: DrawLayer, grid: GridLike | null): boolean {
  const { volume, frame, mode, slab } = layer;
  if (!volume.complete || volume.frameSamples(frame) === null) return false;
  return (mode !== "scalar" || slab < 2) && (grid === null || sameGrid(grid, volume));
}

export const visible = ({ opacity, outline }: DrawLayer): boolean => opacity > 0 || outline > 0;

/** Pixels of a view as RGBA words, the lowest row first; null: the device has to draw it. */
export function sketch(
  view: View,
  layers: readonly DrawLayer[],
  grid: GridLike | null,
  size: PictureSize,
): Uint32Array | null {
  const shown = layers.filter(visible);
  if (!shown.every((layer) => plain(layer, grid))) return null;
  const out = new Uint32Array(size[0] * size[1]).fill(BLACK);
  for (const layer of shown) DRAW[layer.mode](view, layer, size, out);
  return out;
}

type Draw = (view: View, layer: DrawLayer, size: PictureSize, out: Uint32Array) => void;
const DRAW: Record<DrawLayer["mode"], Draw> = { scalar, colour, labels };

/** Lay a colour over a pixel; alpha is 0..256. */
function over(out: Uint32Array, at: number, r: number, g: number, b: number, alpha: number): void {
  const old = out[at]!;
  const red = old & 255;
  const green = (old >> 8) & 255;
  const blue = (old >> 16) & 255;
  out[at] =
    BLACK |
    ((blue + (((b - blue) * alpha) >> 8)) << 16) |
    ((green + (((g - green) * alpha) >> 8)) << 8) |
    (red + (((r - red) * alpha) >> 8));
}

const parts = (alpha: number): number => Math.round(256 * Math.min(1, alpha));

/** Which pixels of a grey layer are drawn at all, in stored values made display values. */
function shownValues(found: Float64Array, layer: DrawLayer): Float64Array {
  const { slope, inter } = layer.volume.header;
  const low = layer.shown?.low ?? -Infinity;
  const high = layer.shown?.high ?? Infinity;
  // A limit of zero hides what is exactly zero, too.
  const least = low === 0 ? Number.MIN_VALUE : low;
  const most = layer.symmetric && layer.shown ? -low : -Infinity;
  for (let i = 0; i < found.length; i++) {
    const value = found[i]! * slope + inter;
    found[i] = (value >= least && value <= high) || value <= most ? value : NaN;
  }
  return found;
}

function scalar(view: View, layer: DrawLayer, size: PictureSize, out: Uint32Array): void {
  const { volume, limits, table, symmetric } = layer;
  const data = volume.frameSamples(layer.frame)!;
  const shown = shownValues(values(view, volume, data, size, layer.pixelated), layer);
  const per = 255 / Math.max(limits.high - limits.low, 1e-30);
  const curve = gammaCurve(layer.gamma);
  const rim = layer.outline > 0 ? parts(layer.outline) : -1;
  const alpha = parts(layer.opacity) / 255;
  for (let i = 0; i < shown.length; i++) {
    const value = shown[i]!;
    if (value !== value) continue;
    const negative = symmetric && value < 0;
    const x = ((negative ? -value : value) - limits.low) * per;
    const at = 4 * (curve[x <= 0 ? 0 : x >= 255 ? 255 : (x + 0.5) | 0]! + (negative ? 256 : 0));
    const edge = rim >= 0 && atRim(shown, i, size);
    over(out, i, table[at]!, table[at + 1]!, table[at + 2]!, edge ? rim : table[at + 3]! * alpha);
  }
}

/** Entries of a table of 256 colours after gamma. */
function gammaCurve(gamma: number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, i) => Math.round(255 * (i / 255) ** (1 / gamma)));
}

/** Whether a neighbour of a pixel is not drawn. */
function atRim(shown: Float64Array, i: number, [w, h]: PictureSize): boolean {
  const x = i % w;
  const y = (i - x) / w;
  const gone = (j: number): boolean => shown[j]! !== shown[j]!;
  return (
    (x > 0 && gone(i - 1)) ||
    (x < w - 1 && gone(i + 1)) ||
    (y > 0 && gone(i - w)) ||
    (y < h - 1 && gone(i + w))
  );
}

function colour(view: View, layer: DrawLayer, size: PictureSize, out: Uint32Array): void {
  const { volume, frame } = layer;
  const data = volume.frameSamples(frame)!;
  const at = offsets(view, volume, size);
  const alpha = parts(layer.opacity);
  const [red, green, blue] = layer.channels ?? [0, 1, 2];
  for (let i = 0; i < at.length; i++) {
    const from = at[i]!;
    if (from < 0) continue;
    let [r, g, b] = [data[from + red]!, data[from + green]!, data[from + blue]!];
    if (layer.channels === null) r = g = b = Math.round(Math.sqrt((r * r + g * g + b * b) / 3));
    over(out, i, r, g, b, alpha);
  }
}

function labels(view: View, layer: DrawLayer, size: PictureSize, out: Uint32Array): void {
  const { volume, table } = layer;
  const { slope, inter } = volume.header;
  const here = values(view, volume, volume.frameSamples(layer.frame)!, size, true);
  for (let i = 0; i < here.length; i++)
    here[i] = here[i]! === here[i]! ? Math.round(here[i]! * slope + inter) : 0;
  const wide = table.length > 2048;
  const alpha = parts(layer.opacity) / 255;
  const rim = layer.outline > 0 ? parts(layer.outline) / 255 : alpha;
  for (let i = 0; i < here.length; i++) {
    const label = here[i]!;
    const index = label === 0 ? 0 : labelIndex(label);
    if (index === 0) continue;
    const at = 4 * (wide ? label % 65536 : index);
    const edge = rim !== alpha && differs(here, i, size);
    over(out, i, table[at]!, table[at + 1]!, table[at + 2]!, table[at + 3]! * (edge ? rim : alpha));
  }
}

/** Whether a neighbour of a pixel has another label. */
function differs(here: Float64Array, i: number, [w, h]: PictureSize): boolean {
  const x = i % w;
  const y = (i - x) / w;
  const label = here[i]!;
  return (
    (x > 0 && here[i - 1] !== label) ||
    (x < w - 1 && here[i + 1] !== label) ||
    (y > 0 && here[i - w] !== label) ||
    (y < h - 1 && here[i + w] !== label)
  );
}
