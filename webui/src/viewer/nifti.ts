// Reads a plain NIfTI-1 file into a header, an affine (RAS+ mm) and a typed array; no I/O.
import type { Mat4, Vec3 } from "./linalg";
import { apply, invert, norm, sub } from "./linalg";
import { noraText, type NoraText } from "./noratext";

export type StoredArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

type TypeName =
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float32"
  | "float64"
  | "rgb24"
  | "rgba32";

const TYPES: Record<number, { name: TypeName; bytes: number; channels: number }> = {
  2: { name: "uint8", bytes: 1, channels: 1 },
  4: { name: "int16", bytes: 2, channels: 1 },
  8: { name: "int32", bytes: 4, channels: 1 },
  16: { name: "float32", bytes: 4, channels: 1 },
  64: { name: "float64", bytes: 8, channels: 1 },
  128: { name: "rgb24", bytes: 1, channels: 3 },
  256: { name: "int8", bytes: 1, channels: 1 },
  512: { name: "uint16", bytes: 2, channels: 1 },
  768: { name: "uint32", bytes: 4, channels: 1 },
  1024: { name: "int64", bytes: 8, channels: 1 },
  1280: { name: "uint64", bytes: 8, channels: 1 },
  2304: { name: "rgba32", bytes: 1, channels: 4 },
};

export const HEADER_BYTES = 348;
/** Written into the name of the intent of what the page has made of complex values. */
export const COMPLEX = "part of complex";
/** What follows it there are marks of where an image comes from. */
const MARKS = "nora ";
/** Disagreement of sform and qform, at the corners of the image, that is worth a warning. */
const DISAGREE_VOXELS = 0.1;

/** Choices of the person who reads files. */
export const reading = {
  preferQform: false,
  maxBytes: 4000e6,
  /** Series in time that hold more are read one time point at a time. */
  streamBytes: 256e6,
};

export class NiftiError extends Error {
  constructor(
    message: string,
    readonly hint = "",
  ) {
    super(message);
    this.name = "NiftiError";
  }
}

export interface NiftiHeader {
  shape: Vec3;
  frames: number;
  channels: number;
  dtype: TypeName;
  bytesPerSample: number;
  littleEndian: boolean;
  dataOffset: number;
  dataBytes: number;
  slope: number;
  inter: number;
  affine: Mat4;
  affineFrom: "sform" | "qform" | "none";
  /** Code of the form that is used: 1 scanner, 2 aligned, 3 Talairach, 4 MNI; 0: unknown. */
  space?: number;
  /** Display limits of the header, null when it has none. */
  limits: { low: number; high: number } | null;
  frameSeconds: number;
  description: string;
  /** One part of values that are complex in the file. */
  complex?: boolean;
  /** What NORA has written into the header as text. */
  nora?: NoraText;
  /** What was made from files of other kinds says of them: "px", "det", "A", "inv". */
  marks?: readonly string[];
  warnings: string[];
  /** The header as it was, for copies with the same position and codes; little-endian ones only. */
  raw?: Uint8Array | undefined;
}

function endianness(view: DataView): boolean {
  if (view.byteLength < HEADER_BYTES)
    throw new NiftiError("The file is too short for a NIfTI header.", "It may be cut; send again.");
  if (view.getInt32(0, true) === 348) return true;
  if (view.getInt32(0, false) === 348) return false;
  if (view.getInt32(0, true) === 540 || view.getInt32(0, false) === 540)
    throw new NiftiError("NIfTI-2 files are not read directly.", "Import the file instead.");
  throw new NiftiError("This is not a NIfTI file.", "Only .nii and .nii.gz are read directly.");
}

/** Affine of the quaternion form (NIfTI-1.1, method 2). */
export function quaternionAffine(quaternion: Vec3, offset: Vec3, pixdim: readonly number[]): Mat4 {
  let [b, c, d] = quaternion;
  let a = 1 - (b * b + c * c + d * d);
  if (a < 1e-7) {
    const s = 1 / Math.sqrt(b * b + c * c + d * d);
    [a, b, c, d] = [0, b * s, c * s, d * s];
  } else a = Math.sqrt(a);
  const x = pixdim[1]!;
  const y = pixdim[2]!;
  const z = pixdim[3]! * (pixdim[0]! < 0 ? -1 : 1);
  return [
    (a * a + b * b - c * c - d * d) * x,
    2 * (b * c - a * d) * y,
    2 * (b * d + a * c) * z,
    offset[0],
    2 * (b * c + a * d) * x,
    (a * a + c * c - b * b - d * d) * y,
    2 * (c * d - a * b) * z,
    offset[1],
    2 * (b * d - a * c) * x,
    2 * (c * d + a * b) * y,
    (a * a + d * d - b * b - c * c) * z,
    offset[2],
    ...[0, 0, 0, 1],
  ];
}

/** Largest distance (mm) between the places two affines give to the corners of a box. */
export function cornerDistance(a: Mat4, b: Mat4, shape: Vec3): number {
  let worst = 0;
  for (let corner = 0; corner < 8; corner++) {
    const p: Vec3 = [
      corner & 1 ? shape[0] - 1 : 0,
      corner & 2 ? shape[1] - 1 : 0,
      corner & 4 ? shape[2] - 1 : 0,
    ];
    worst = Math.max(worst, norm(sub(apply(a, p), apply(b, p))));
  }
  return worst;
}

/** No form in the header: centred, x to the left, as nibabel does. */
function fallbackAffine(shape: Vec3, pixdim: readonly number[]): Mat4 {
  const [x, y, z] = [1, 2, 3].map((i) => Math.abs(pixdim[i]!) || 1) as unknown as Vec3;
  const centre = shape.map((n) => (n - 1) / 2) as unknown as Vec3;
  return [
    ...[-x, 0, 0, x * centre[0]],
    ...[0, y, 0, -y * centre[1]],
    ...[0, 0, z, -z * centre[2]],
    ...[0, 0, 0, 1],
  ];
}

const asQform = (warnings: readonly string[]): string[] =>
  warnings.map((one) => one.replace("sform is used", "qform is used, as set"));

type Form = Pick<NiftiHeader, "affine" | "affineFrom" | "space" | "warnings">;

function pickAffine(view: DataView, le: boolean, shape: Vec3, pixdim: readonly number[]): Form {
  const f = (at: number): number => view.getFloat32(at, le);
  const warnings: string[] = [];
  const sform: Mat4 = [...Array.from({ length: 12 }, (_, i) => f(280 + 4 * i)), 0, 0, 0, 1];
  const qform = quaternionAffine([f(256), f(260), f(264)], [f(268), f(272), f(276)], pixdim);
  const good = (m: Mat4): boolean => m.every(Number.isFinite) && invert(m) !== null;
  const codes = { s: view.getInt16(254, le), q: view.getInt16(252, le) };
  const hasS = codes.s > 0 && good(sform);
  const hasQ = codes.q > 0 && good(qform);
  if (codes.s > 0 && !hasS) warnings.push("The sform of the header is singular and is not used.");
  const voxel = Math.min(...[1, 2, 3].map((i) => Math.abs(pixdim[i]!) || 1));
  if (hasS && hasQ) {
    const mm = cornerDistance(sform, qform, shape);
    if (mm > DISAGREE_VOXELS * voxel)
      warnings.push(`sform and qform disagree by up to ${mm.toFixed(1)} mm; sform is used.`);
  }
  if (hasQ && reading.preferQform)
    return { affine: qform, affineFrom: "qform", space: codes.q, warnings: asQform(warnings) };
  if (hasS) return { affine: sform, affineFrom: "sform", space: codes.s, warnings };
  if (hasQ) return { affine: qform, affineFrom: "qform", space: codes.q, warnings };
  warnings.push("The header has no orientation: sides are a guess.");
  return { affine: fallbackAffine(shape, pixdim), affineFrom: "none", space: 0, warnings };
}

function ascii(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end)).trim();
}

const MOST_EXTENSION = 2 ** 20;

/** How many bytes there are before the samples, of which the first 348 tell it. */
export function bytesAhead(start: ArrayBuffer): number {
  const view = new DataView(start);
  const offset = Math.round(view.getFloat32(108, view.getInt32(0, true) === 348));
  return offset > HEADER_BYTES && offset <= MOST_EXTENSION ? offset : HEADER_BYTES;
}

/** Texts of the header and of what follows it ahead of the samples. */
function texts(buffer: ArrayBuffer): NoraText {
  const all = new Uint8Array(buffer, 0, Math.min(buffer.byteLength, bytesAhead(buffer)));
  const decoder = new TextDecoder("latin1");
  return noraText(
    `${decoder.decode(all.subarray(148, 252))}\n${decoder.decode(all.subarray(352))}`,
  );
}

/** Parse the first 348 bytes, and the texts that follow them if they are there. */
export function parseHeader(buffer: ArrayBuffer): NiftiHeader {
  const view = new DataView(buffer);
  const le = endianness(view);
  const i16 = (at: number): number => view.getInt16(at, le);
  const f32 = (at: number): number => view.getFloat32(at, le);
  const type = TYPES[i16(70)];
  if (!type)
    throw new NiftiError(`Data type ${i16(70)} is not supported.`, "Convert it to float32.");
  const rank = i16(40);
  const dims = Array.from({ length: 7 }, (_, i) => (i < rank ? Math.max(1, i16(42 + 2 * i)) : 1));
  if (rank < 1 || rank > 7 || i16(42) < 1) throw new NiftiError("The header has no valid shape.");
  const shape: Vec3 = [dims[0]!, dims[1]!, dims[2]!];
  const frames = dims[3]! * dims[4]! * dims[5]! * dims[6]!;
  const pixdim = Array.from({ length: 8 }, (_, i) => f32(76 + 4 * i));
  const magic = ascii(new Uint8Array(buffer, 344, 4));
  if (magic === "ni1")
    throw new NiftiError("Header and image are two files.", "Use one .nii file.");
  const intent = ascii(new Uint8Array(buffer, 328, 16));
  const slope = f32(112);
  const scaled = Number.isFinite(slope) && slope !== 0 && type.channels === 1;
  const low = f32(128);
  const high = f32(124);
  return {
    shape,
    frames,
    channels: type.channels,
    dtype: type.name,
    bytesPerSample: type.bytes,
    littleEndian: le,
    dataOffset: Math.max(352, Math.round(f32(108)) || 352),
    dataBytes: shape[0] * shape[1] * shape[2] * frames * type.channels * type.bytes,
    slope: scaled ? slope : 1,
    inter: scaled && Number.isFinite(f32(116)) ? f32(116) : 0,
    limits: high > low && Number.isFinite(high - low) ? { low, high } : null,
    frameSeconds: Number.isFinite(pixdim[4]!) ? pixdim[4]! : 0,
    description: ascii(new Uint8Array(buffer, 148, 80)),
    complex: intent === COMPLEX,
    nora: texts(buffer),
    marks: intent.startsWith(MARKS) ? intent.slice(MARKS.length).split(" ") : [],
    raw: le ? new Uint8Array(buffer.slice(0, HEADER_BYTES)) : undefined,
    ...pickAffine(view, le, shape, pixdim),
  };
}

/** Reverse the bytes of every sample, in place. */
export function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; at + width <= bytes.length; at += width)
    for (let i = 0, j = width - 1; i < j; i++, j--) {
      const kept = bytes[at + i]!;
      bytes[at + i] = bytes[at + j]!;
      bytes[at + j] = kept;
    }
}

function narrow(values: BigInt64Array | BigUint64Array): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = Number(values[i]);
  return out;
}

/** View of the samples in a whole file; bytes must already be little-endian (see swapBytes). */
export function samples(header: NiftiHeader, file: ArrayBuffer): StoredArray {
  const { dtype, bytesPerSample: width, dataOffset, dataBytes } = header;
  if (file.byteLength < dataOffset + dataBytes)
    throw new NiftiError(
      `The file is cut: ${dataOffset + dataBytes} bytes expected, ${file.byteLength} found.`,
      "Send or convert it again.",
    );
  const aligned = dataOffset % width === 0;
  const buffer = aligned ? file : file.slice(dataOffset, dataOffset + dataBytes);
  const at = aligned ? dataOffset : 0;
  const n = dataBytes / width;
  if (dtype === "int8") return new Int8Array(buffer, at, n);
  if (dtype === "int16") return new Int16Array(buffer, at, n);
  if (dtype === "uint16") return new Uint16Array(buffer, at, n);
  if (dtype === "int32") return new Int32Array(buffer, at, n);
  if (dtype === "uint32") return new Uint32Array(buffer, at, n);
  if (dtype === "float32") return new Float32Array(buffer, at, n);
  if (dtype === "float64") return new Float64Array(buffer, at, n);
  if (dtype === "int64") return narrow(new BigInt64Array(buffer, at, n));
  if (dtype === "uint64") return narrow(new BigUint64Array(buffer, at, n));
  return new Uint8Array(buffer, at, n);
}
