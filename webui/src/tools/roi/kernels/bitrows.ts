// Masks as rows of bits, 32 voxels to a word: what reads every voxel many times works on these.
import type { Triple } from "./box";

/** Planes of a matrix; every row begins at a word, `room` bits and rows lie empty around it. */
export interface BitRows {
  words: Uint32Array<ArrayBuffer>;
  /** Words of a row. */
  width: number;
  ny: number;
  nz: number;
  /** Bits of the last word of a row that are no voxels. */
  spare: number;
}

/** The planes low..high of a matrix with so much room around them. */
export interface Part {
  shape: Triple;
  low: number;
  high: number;
  /** Voxels of room on every side. */
  room: number;
}

/** Four bytes of 0 and 1, gathered into the highest four bits. */
const GATHER = 0x10204080;
/** Four bits as four bytes. */
const SPREAD = Uint32Array.from({ length: 16 }, (_, bits) =>
  [0, 1, 2, 3].reduce((word, i) => word + ((bits >> i) & 1) * 256 ** i, 0),
);

/** First bit of a row: whole groups of four stay together. */
const shiftOf = (room: number): number => Math.ceil(room / 4) * 4;

const isGrouped = (mask: Uint8Array, nx: number): boolean =>
  nx % 4 === 0 && mask.byteOffset % 4 === 0;

const groupsOf = (mask: Uint8Array): Uint32Array =>
  new Uint32Array(mask.buffer, mask.byteOffset, mask.byteLength >> 2);

function emptyRows({ shape: [nx, ny], low, high, room }: Part): BitRows {
  const bits = nx + shiftOf(room) + room;
  const width = Math.ceil(bits / 32);
  const rows = { width, ny: ny + 2 * room, nz: high - low + 1 + 2 * room };
  const last = width * 32 - bits;
  const spare = last ? ~0 << (32 - last) : 0;
  return { ...rows, words: new Uint32Array(width * rows.ny * rows.nz), spare };
}

/** Word in which the first bits of a row of the matrix lie. */
const rowAt = (rows: BitRows, room: number, y: number, z: number): number =>
  ((z + room) * rows.ny + y + room) * rows.width;

export function pack(mask: Uint8Array, part: Part): BitRows {
  const rows = emptyRows(part);
  const { shape, low, high, room } = part;
  const [nx, ny] = shape;
  const shift = shiftOf(room);
  const grouped = isGrouped(mask, nx) ? groupsOf(mask) : null;
  for (let z = low, from = low * ny * nx; z <= high; z++)
    for (let y = 0; y < ny; y++, from += nx) {
      const to = rowAt(rows, room, y, z - low);
      if (grouped) packGroups(grouped, from >> 2, nx >> 2, rows.words, to, shift);
      else packRow(mask, from, nx, rows.words, to, shift);
    }
  return rows;
}

function packGroups(
  groups: Uint32Array,
  from: number,
  n: number,
  words: Uint32Array,
  to: number,
  shift: number,
): void {
  let bit = shift;
  for (let i = from; i < from + n; i++, bit += 4) {
    const four = groups[i]!;
    if (four) words[to + (bit >> 5)]! |= (Math.imul(four, GATHER) >>> 28) << (bit & 31);
  }
}

function packRow(
  mask: Uint8Array,
  from: number,
  n: number,
  words: Uint32Array,
  to: number,
  shift: number,
): void {
  for (let i = 0, bit = shift; i < n; i++, bit++)
    if (mask[from + i]) words[to + (bit >> 5)]! |= 1 << (bit & 31);
}

/** Write rows of bits back over the planes they came from. */
export function unpack(rows: BitRows, part: Part, mask: Uint8Array): void {
  const { shape, low, high, room } = part;
  const [nx, ny] = shape;
  const shift = shiftOf(room);
  const grouped = isGrouped(mask, nx) ? groupsOf(mask) : null;
  mask.fill(0, low * ny * nx, (high + 1) * ny * nx);
  for (let z = low, to = low * ny * nx; z <= high; z++)
    for (let y = 0; y < ny; y++, to += nx) {
      const from = rowAt(rows, room, y, z - low);
      if (grouped) unpackGroups(rows.words, from, shift, grouped, to >> 2, nx >> 2);
      else unpackRow(rows.words, from, shift, mask, to, nx);
    }
}

function unpackGroups(
  words: Uint32Array,
  from: number,
  shift: number,
  groups: Uint32Array,
  to: number,
  n: number,
): void {
  for (let i = 0, bit = shift; i < n;) {
    let rest = words[from + (bit >> 5)]! >>> (bit & 31);
    const inWord = Math.min(n - i, (32 - (bit & 31)) >> 2);
    for (let g = to + i; rest; g++, rest >>>= 4) {
      if (g - to >= n) break;
      groups[g] = SPREAD[rest & 15]!;
    }
    i += inWord;
    bit += 4 * inWord;
  }
}

function unpackRow(
  words: Uint32Array,
  from: number,
  shift: number,
  mask: Uint8Array,
  to: number,
  n: number,
): void {
  for (let i = 0, bit = shift; i < n; i++, bit++)
    mask[to + i] = (words[from + (bit >> 5)]! >>> (bit & 31)) & 1;
}
