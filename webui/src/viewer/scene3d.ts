// What the layers of a viewport become in 3D: clouds, surfaces, fibers.
import type { Rgb } from "./colormaps";
import { labelColour } from "./colormaps";
import { isosurface, mz3, smoothed } from "./isosurface";
import type { Layer } from "./layer.svelte";
import type { Fibers3d, Mesh3d, Scene3d, Volume3d } from "./nv";
import type { Reduced } from "./reduce";
import { reduce } from "./reduce";
import type { Render3d } from "./render3d";
import { clipPlane } from "./render3d";
import type { DrawLayer } from "./scene";

/** More labels than these in one image are drawn as one surface. */
const MOST_LABELS = 24;
const SMOOTHING = 3;
/** Image in which ROIs lie. */
const GLASS = 0.3;
const BONE = [222, 208, 188] as const;
const OVERLAY = [255, 140, 40] as const;
const SURFACE = [200, 190, 175] as const;

/** Colour map of fibers that do not show their direction. */
export const ONE_COLOUR = "unicolor";

/** Surfaces that have been computed, the last ones. */
const kept = new Map<string, File | null>();

/** Bytes of a surface as a file; null when nothing reaches the level. */
function surfaceFile(key: string, make: () => Reduced, level: number): File | null {
  const known = kept.get(key);
  if (known !== undefined) return known;
  const { voxels, shape, affine } = make();
  const surface = isosurface(voxels, shape, level);
  const name = `${key.replace(/\W+/g, "-")}.mz3`;
  const file = surface.faces.length
    ? new File([mz3(smoothed(surface, SMOOTHING), affine)], name)
    : null;
  if (kept.size > 60) kept.clear();
  kept.set(key, file);
  return file;
}

const mesh = (
  id: string,
  source: File | null,
  name: string,
  colour: Rgb,
  opacity: number,
): Mesh3d[] => (source ? [{ id, source, name, colour, opacity }] : []);

/** Labels of a label image, sorted, or null when there are too many. */
function labelsOf({ volume, frame }: DrawLayer): number[] | null {
  const { slope, inter } = volume.header;
  const found = new Set<number>();
  const data = volume.frameSamples(frame);
  for (let i = 0; data && i < data.length; i++) {
    if (data[i] === 0 && inter === 0) continue;
    const label = Math.round(data[i]! * slope + inter);
    if (label >= 1) found.add(label);
    if (found.size > MOST_LABELS) return null;
  }
  return [...found].sort((a, b) => a - b);
}

/** One surface for each label. */
function labelMeshes(layer: Layer, most: number): Mesh3d[] {
  const drawn = layer.drawn();
  if (!drawn) return [];
  const single = layer.maxLabel <= 1;
  const labels = single ? [1] : (labelsOf(drawn) ?? [0]);
  return labels.flatMap((label) => {
    const of = single ? 0 : label;
    const key = `${layer.id} ${layer.revision} ${drawn.frame} ${most} ${of}`;
    const source = surfaceFile(key, () => reduce(drawn, most, of), 128);
    const colour = label ? labelColour(label, layer.colour) : layer.colour;
    return mesh(key, source, layer.name, colour, 1);
  });
}

/** The surface where an image passes a level. */
function imageMesh(layer: Layer, most: number, level: number | null, opacity: number): Mesh3d[] {
  const drawn = layer.drawn();
  if (!drawn || drawn.mode !== "scalar") return [];
  const at = level ?? layer.limits.low + 0.25 * (layer.limits.high - layer.limits.low);
  const { low, high } = layer.range;
  // Bytes between the ends of the image's range, the level in their middle part.
  const limits = { low: Math.min(low, at), high: Math.max(high, at + 1e-6) };
  const byte = Math.max(1, (255 * (at - limits.low)) / (limits.high - limits.low));
  const key = `${layer.id} ${layer.revision} ${drawn.frame} ${most} at ${at}`;
  const source = surfaceFile(key, () => reduce({ ...drawn, limits }, most), byte);
  return mesh(key, source, layer.name, BONE, opacity);
}

function cloud(layer: Layer, most: number): Volume3d[] {
  const drawn = layer.drawn();
  if (!drawn) return [];
  const { low, high } = layer.role === "labels" ? { low: 0, high: 1 } : layer.limits;
  const colour =
    layer.role === "background" ? null : layer.role === "labels" ? layer.colour : OVERLAY;
  const id = `${layer.id} ${layer.revision} ${drawn.frame} ${low} ${high}`;
  const file = new File([reduce(drawn, most).file], `${layer.name}.nii`);
  return [{ id, file, colour, opacity: 1 }];
}

const stored = (layer: Layer) => ({
  id: layer.id,
  source: layer.surface ?? layer.file ?? new URL(layer.row?.content_url ?? "", location.href).href,
  name: layer.surface?.name ?? layer.name,
  opacity: layer.opacity,
});

/** By direction, unless a person has chosen one colour. */
const strands = (layer: Layer): Fibers3d => ({
  ...stored(layer),
  colour: layer.colormap === ONE_COLOUR ? layer.colour : null,
});

/** Everything that can be seen; `most` is the largest number of voxels along an axis. */
export function sceneOf(layers: readonly Layer[], render: Render3d, most: number): Scene3d {
  const shown = layers.filter((layer) => layer.visible && layer.opacity > 0);
  const images = shown.filter((layer) => layer.isVolume && layer.status === "ready");
  const of = (role: Layer["role"]): Layer[] => images.filter((layer) => layer.role === role);
  const ready = shown.filter((layer) => !layer.isVolume && layer.status === "ready");
  const fibers = ready.filter(({ role }) => role === "streamlines").map(strands);
  const meshes = ready
    .filter(({ role }) => role !== "streamlines")
    .map((layer): Mesh3d => ({ ...stored(layer), colour: SURFACE }));
  const things = meshes.length + fibers.length;
  const as = render.as ?? (things ? "none" : "volume");
  const overlays = render.overlays ? of("overlay") : [];
  if (as === "surface") {
    const glass = of("labels").length + things > 0 ? GLASS : 1;
    const inner = [...of("labels").flatMap((layer) => labelMeshes(layer, most)), ...meshes];
    const outer = of("background").flatMap((one) => imageMesh(one, most, render.level, glass));
    return { volumes: [], meshes: [...inner, ...outer], fibers, clip: null };
  }
  if (as === "none" && things) {
    const inner = of("labels").flatMap((layer) => labelMeshes(layer, most));
    return {
      volumes: overlays.flatMap((one) => cloud(one, most)),
      meshes: [...meshes, ...inner],
      fibers,
      clip: null,
    };
  }
  const clouds = [...(as === "none" ? [] : of("background")), ...overlays, ...of("labels")];
  return {
    volumes: clouds.flatMap((layer) => cloud(layer, most)),
    meshes,
    fibers,
    clip: clipPlane(render),
  };
}
