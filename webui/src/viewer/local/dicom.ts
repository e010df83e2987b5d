// DICOM objects of this computer put together by their places, as the service does it.
import type { Mat4, Vec3 } from "../linalg";
import { cross, dot, norm, scale, sub } from "../linalg";
import { NiftiError } from "../nifti";
import { DicomObject, parseDicom, type Elements } from "./dicomparse";
import { colours, samplesOf, type Stored } from "./dicompixels";
import { plainFile } from "./plain";

const [SERIES, INSTANCE, N_FRAMES] = [0x0020000e, 0x00200013, 0x00280008];
const [ROWS, COLUMNS] = [0x00280010, 0x00280011];
const [PLACE, TURN, SPACING] = [0x00200032, 0x00200037, 0x00280030];
const [AT_DETECTOR, PHOTOMETRIC] = [0x00181164, 0x00280004];
const [SLOPE, INTERCEPT] = [0x00281053, 0x00281052];
const [SHARED, EACH] = [0x52009229, 0x52009230];
/** Sequence in which an enhanced object keeps an element. */
const WITHIN: Record<number, number> = {
  [PLACE]: 0x00209113,
  [TURN]: 0x00209116,
  [SPACING]: 0x00289110,
  [SLOPE]: 0x00289145,
  [INTERCEPT]: 0x00289145,
};
const SAME_TURN = 1e-3;

interface Frame {
  object: DicomObject;
  number: number;
  instance: number;
  place: Vec3 | null;
  turn: number[] | null;
  spacing: readonly number[];
  /** What the spacing is when it is not that in the patient: "det" or "px". */
  mark: string;
  slope: number;
  inter: number;
}

/** What a frame's own group says, else the shared one, else the object. */
function find(object: DicomObject, number: number, tag: number): number[] | null {
  const groups = [
    object.elements.get(EACH)?.items[number],
    object.elements.get(SHARED)?.items[0],
  ] as (Elements | undefined)[];
  for (const group of groups) {
    const item = group?.get(WITHIN[tag]!)?.items[0];
    const found = item && object.decimals(tag, item);
    if (found) return found;
  }
  return object.decimals(tag);
}

function framesOf(object: DicomObject): Frame[] {
  const n = object.decimals(N_FRAMES)?.[0] ?? 1;
  return Array.from({ length: n }, (_, number) => {
    const [place, turn] = [find(object, number, PLACE), find(object, number, TURN)];
    return {
      object,
      number,
      instance: object.decimals(INSTANCE)?.[0] ?? 0,
      place: place?.length === 3 ? (place as unknown as Vec3) : null,
      turn: turn?.length === 6 ? turn : null,
      ...spacingOf(object, number),
      slope: find(object, number, SLOPE)?.[0] ?? 1,
      inter: find(object, number, INTERCEPT)?.[0] ?? 0,
    };
  });
}

/** Millimetres from row to row and from column to column: in the patient, at the detector, or none. */
function spacingOf(object: DicomObject, number: number): Pick<Frame, "spacing" | "mark"> {
  const good = (found: number[] | null): boolean => found?.length === 2 && Math.min(...found) > 0;
  const own = find(object, number, SPACING);
  if (own && good(own)) return { spacing: own, mark: "" };
  const detector = object.decimals(AT_DETECTOR);
  if (detector && good(detector)) return { spacing: detector, mark: "det" };
  return { spacing: [1, 1], mark: "px" };
}

const alike = (a: number[] | null, b: number[] | null): boolean =>
  a && b ? a.every((x, i) => Math.abs(x - b[i]!) < SAME_TURN) : a === b;

interface Placed {
  frames: Frame[];
  times: number;
  affine: Mat4;
}

const toRas = (columns: readonly Vec3[]): Mat4 => [
  ...columns.map(([x]) => -x),
  ...columns.map(([, y]) => -y),
  ...columns.map(([, , z]) => z),
  ...[0, 0, 0, 1],
];

function stacked(frames: Frame[]): Placed {
  const [down, across] = frames[0]!.spacing as [number, number];
  const columns: Vec3[] = [
    [across, 0, 0],
    [0, down, 0],
    [0, 0, 1],
    [0, 0, 0],
  ];
  return { frames, times: 1, affine: toRas(columns) };
}

/** Frames by their distance along the normal; those of one place follow each other in time. */
function placed(frames: Frame[], inColour: boolean): Placed {
  if (!frames.every((one) => one.place && one.turn)) return stacked(frames);
  const turn = frames[0]!.turn!;
  const [rows, columns] = [turn.slice(0, 3), turn.slice(3)] as unknown as [Vec3, Vec3];
  const normal = cross(rows, columns);
  const levels = new Map<number, Frame[]>();
  for (const frame of frames) {
    const level = Math.round(dot(frame.place!, normal) * 100) / 100;
    levels.set(level, [...(levels.get(level) ?? []), frame]);
  }
  const slices = [...levels].sort(([a], [b]) => a - b).map(([, same]) => same);
  const times = Math.min(...slices.map((same) => same.length));
  if (inColour && times > 1) return stacked(frames);
  const first = slices[0]![0]!.place!;
  const last = slices.at(-1)![0]!.place!;
  const step = slices.length > 1 ? scale(sub(last, first), 1 / (slices.length - 1)) : normal;
  const [down, across] = frames[0]!.spacing as [number, number];
  const affine = toRas([scale(rows, across), scale(columns, down), step, first]);
  // Time goes slowest, slices before it.
  const ordered = Array.from({ length: times }, (_, t) => slices.map((same) => same[t]!)).flat();
  return { frames: ordered, times, affine: norm(step) > 0 ? affine : stacked(frames).affine };
}

function sizeOf(object: DicomObject): [columns: number, rows: number] {
  return [object.short(COLUMNS) ?? 0, object.short(ROWS) ?? 0];
}

/** Values of all frames: as stored with one scale, or rescaled each by itself. */
function valuesOf(frames: Frame[]): Stored & { slope: number; inter: number } {
  const parts = frames.map(({ object, number }) => samplesOf(object, number));
  const [{ slope, inter }] = frames as [Frame];
  const type = parts[0]!.type;
  const same = frames.every((one) => one.slope === slope && one.inter === inter);
  if (same && parts.every((one) => one.type === type))
    return { type, ...joined(parts.map(({ data }) => data)), slope, inter };
  const scaled = parts.map(({ data }, i) =>
    Float32Array.from(data, (value) => value * frames[i]!.slope + frames[i]!.inter),
  );
  return { type: "float32", ...joined(scaled), slope: 1, inter: 0 };
}

function joined(parts: readonly Stored["data"][]): { data: Stored["data"] } {
  const Kind = parts[0]!.constructor as new (n: number) => Stored["data"];
  const data = new Kind(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { data };
}

/** Objects of the series of the first one, as one image. */
export async function readDicom(files: readonly File[]): Promise<File> {
  const objects = await Promise.all(files.map(opened));
  const [own] = objects as [DicomObject];
  const [columns, rows] = sizeOf(own);
  if (!columns || !rows || !own.pixels)
    throw new NiftiError(
      "The DICOM object holds no image.",
      "Contours, reports and lists are not drawn; import it through Upload.",
    );
  const ownColour = colours(own);
  const same = objects.filter(
    (one) =>
      one.pixels &&
      one.text(SERIES) === own.text(SERIES) &&
      sizeOf(one).join() === sizeOf(own).join() &&
      colours(one) === ownColour,
  );
  const all = same.flatMap(framesOf).sort((a, b) => a.instance - b.instance || a.number - b.number);
  const turn = framesOf(own)[0]!.turn;
  const parallel = all.filter((frame) => alike(frame.turn, turn));
  const { frames, times, affine } = placed(parallel, ownColour !== "");
  const n = frames.length / times;
  const shape = times > 1 ? [columns, rows, n, times] : [columns, rows, n];
  const { type, data, slope, inter } = valuesOf(frames);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const inverted = own.text(PHOTOMETRIC) === "MONOCHROME1" ? "inv" : "";
  const marks = [frames[0]!.mark, inverted].filter(Boolean);
  return plainFile({ shape, type, bytes, affine, slope, inter, marks }, files[0]!.name);
}

async function opened(file: File): Promise<DicomObject> {
  return parseDicom(new Uint8Array(await file.arrayBuffer()));
}

/** The series a file belongs to; "" for what is no object. */
export async function seriesOf(file: File): Promise<string> {
  const object = await opened(file).catch(() => null);
  return object?.text(SERIES) ?? "";
}
