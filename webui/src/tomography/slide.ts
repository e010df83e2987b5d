// What Neuroglancer is told of a slide in OME-Zarr: its scenes, their channels, colours and contrast.

type Json = Record<string, unknown>;
type Part = <T>(name: string) => Promise<T>;

interface Axis {
  name: string;
  type?: string;
  unit?: string;
}

interface Channel {
  label?: string;
  color?: string;
  active?: boolean;
  window?: { start?: number; end?: number; min?: number; max?: number };
}

interface Group {
  multiscales?: {
    name?: string;
    axes: Axis[];
    datasets: { path: string; coordinateTransformations: { type: string; scale?: number[] }[] }[];
  }[];
  omero?: { channels?: Channel[] };
}

/** One picture of a slide: where its group lies in the Zarr, what it says, its size along axes. */
export interface SlideScene {
  place: string;
  group: Group;
  shape: number[];
}

const METRES: Record<string, number> = {
  angstrom: 1e-10,
  nanometer: 1e-9,
  micrometer: 1e-6,
  millimeter: 1e-3,
  meter: 1,
};
const COLOURS = ["FF0000", "00FF00", "0000FF", "00FFFF", "FFFF00", "FF00FF"];
const CHANNEL = `#uicontrol invlerp contrast
#uicontrol vec3 color color(default="#ffffff")
void main() {
  emitRGB(color * contrast());
}
`;
const PICTURE = `void main() {
  emitRGB(vec3(toNormalized(getDataValue(0)), toNormalized(getDataValue(1)),
               toNormalized(getDataValue(2))));
}
`;

async function sceneAt(part: Part, place: string): Promise<SlideScene | null> {
  try {
    const group = await part<Group>(`${place}.zattrs`);
    const finest = group.multiscales?.[0]?.datasets[0];
    if (!finest) return null;
    const { shape } = await part<{ shape: number[] }>(`${place}${finest.path}/.zarray`);
    return { place, group, shape };
  } catch {
    return null;
  }
}

/** The scenes of a slide, in their order; none if it is no OME-Zarr of format 2. */
export async function scenesOf(part: Part): Promise<SlideScene[]> {
  const whole = await sceneAt(part, "");
  if (whole) return [whole];
  const found: SlideScene[] = [];
  for (;;) {
    const scene = await sceneAt(part, `${String(found.length)}/`);
    if (!scene) return found;
    found.push(scene);
  }
}

const axesOf = (scene: SlideScene): Axis[] => scene.group.multiscales?.[0]?.axes ?? [];

/** Size of a voxel along an axis, as Neuroglancer writes it: a number and its unit. */
function stepOf(scene: SlideScene, at: number): [number, string] {
  const axis = axesOf(scene)[at];
  const steps = scene.group.multiscales?.[0]?.datasets[0]?.coordinateTransformations ?? [];
  const step = steps.find((one) => one.type === "scale")?.scale?.[at] ?? 1;
  const metres = METRES[axis?.unit ?? ""];
  return metres === undefined ? [step, ""] : [step * metres, "m"];
}

const sizeOf = (scene: SlideScene, name: string): number =>
  scene.shape[axesOf(scene).findIndex((axis) => axis.name === name)] ?? 1;

/** What is unpacked at once holds all channels; so a picture in colours is one layer. */
function isPicture(channels: readonly Channel[]): boolean {
  return channels.map((one) => one.label).join() === "red,green,blue";
}

function channelsOf(scene: SlideScene): Channel[] {
  const n = sizeOf(scene, "c");
  const told = scene.group.omero?.channels ?? [];
  return Array.from({ length: n }, (_, at) => told[at] ?? {});
}

function contrastOf(channel: Channel): Json {
  const { start, end, min, max } = channel.window ?? {};
  if (start === undefined || end === undefined || end <= start) return {};
  return { contrast: { range: [start, end], window: [min ?? start, max ?? end] } };
}

function colourOf(channel: Channel, at: number, n: number): string {
  const told = /^[0-9a-f]{6}$/i.test(channel.color ?? "") ? channel.color : undefined;
  return `#${told ?? (n > 1 ? (COLOURS[at % COLOURS.length] ?? "FFFFFF") : "FFFFFF")}`;
}

function pictureLayer(scene: SlideScene, url: string, name: string): Json {
  const outputs = axesOf(scene).map((axis, at) => [
    axis.type === "channel" ? `${axis.name}^` : axis.name,
    stepOf(scene, at),
  ]);
  const transform = { outputDimensions: Object.fromEntries(outputs) as Json };
  return { type: "image", name, source: { url, transform }, shader: PICTURE, opacity: 1 };
}

function layersOf(scene: SlideScene, base: string, first: boolean, several: boolean): Json[] {
  const url = `zarr2://${base}${scene.place}`;
  const title = scene.group.multiscales?.[0]?.name ?? "slide";
  const channels = channelsOf(scene);
  if (isPicture(channels)) return [{ ...pictureLayer(scene, url, title), visible: first }];
  return channels.map((channel, at) => ({
    type: "image",
    name: [...(several ? [title] : []), channel.label ?? `Channel ${String(at + 1)}`].join(" "),
    source: url,
    localDimensions: { "c'": [1, ""] },
    localPosition: [at],
    tab: "rendering",
    opacity: 1,
    blend: "additive",
    shader: CHANNEL,
    shaderControls: { ...contrastOf(channel), color: colourOf(channel, at, channels.length) },
    visible: first && channel.active !== false,
  }));
}

/** Names of layers have to differ. */
function distinct(layers: Json[]): Json[] {
  const seen = new Map<unknown, number>();
  return layers.map((layer) => {
    const n = (seen.get(layer.name) ?? 0) + 1;
    seen.set(layer.name, n);
    return n === 1 ? layer : { ...layer, name: `${String(layer.name)} (${String(n)})` };
  });
}

/** How a slide is shown at first: its first scene as a whole, its channels in their colours. */
export function slideState(scenes: readonly SlideScene[], base: string): Json {
  const [scene] = scenes;
  if (!scene) throw new Error("a slide without scenes");
  const names = ["x", "y", "z", "t"].filter((name) =>
    axesOf(scene).some((axis) => axis.name === name),
  );
  const steps = names.map((name) => [
    name,
    stepOf(
      scene,
      axesOf(scene).findIndex((axis) => axis.name === name),
    ),
  ]);
  const layers = distinct(
    scenes.flatMap((one, at) => layersOf(one, base, at === 0, scenes.length > 1)),
  );
  return {
    dimensions: Object.fromEntries(steps) as Json,
    position: names.map((name) => sizeOf(scene, name) / 2),
    crossSectionScale: Math.max(sizeOf(scene, "x") / 900, sizeOf(scene, "y") / 600),
    layers,
    crossSectionBackgroundColor: "#000000",
    selectedLayer: { visible: true, layer: layers[0]?.name, size: 340 },
    layout: "xy",
  };
}
