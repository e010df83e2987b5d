// Masks as rows of bits, 32 voxels to a word: what reads every voxel many times works on these.
//
// Eight groups of four bytes lie in a word as eight shifts: voxel 4 g + b of a word is bit 8 b + g.
// So a word is packed and unpacked with one shift for four voxels; a neighbour along the row is a
// byte away, but for every fourth.
import type { Triple } from "./box";

/** Planes of a matrix; every row begins at a word, `room` rows and words lie empty around it. */
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
  /** Voxels of room on every side, at least. */
  room: number;
}

/** One bit of each group. */
const EACH = 0x01010101;

/** Every voxel moved one place up its row; `before` is the word to the left. */
export const shiftedUp = (word: number, before: number): number =>
  (word << 8) | ((word >>> 23) & 0xfe) | (before >>> 31);

/** Every voxel moved one place down its row; `after` is the word to the right. */
export const shiftedDown = (word: number, after: number): number =>
  (word >>> 8) | ((word & 0xfe) << 23) | (after << 31);

const bitOf = (voxel: number): number => 1 << (8 * (voxel & 3) + ((voxel >> 2) & 7));

/** Words of four bytes, where every row begins with one. */
function groupsOf(mask: Uint8Array, nx: number): Uint32Array | null {
  if (nx % 4 || mask.byteOffset % 4) return null;
  return new Uint32Array(mask.buffer, mask.byteOffset, mask.byteLength >> 2);
}

function emptyRows({ shape: [nx, ny], low, high, room }: Part): BitRows {
  const width = Math.ceil(nx / 32) + 2 * Math.ceil(room / 32);
  const rows = { width, ny: ny + 2 * room, nz: high - low + 1 + 2 * room };
  let used = 0;
  for (let voxel = 0; voxel < nx % 32; voxel++) used |= bitOf(voxel);
  const spare = room || !used ? 0 : ~used;
  return { ...rows, words: new Uint32Array(width * rows.ny * rows.nz), spare };
}

/** Calls for every row of the matrix: its first voxel, and the word in which that lies. */
function eachRow(rows: BitRows, part: Part, visit: (voxel: number, word: number) => void): void {
  const { shape, low, high, room } = part;
  const [nx, ny] = shape;
  const side = Math.ceil(room / 32);
  for (let z = low, voxel = low * ny * nx; z <= high; z++)
    for (let y = 0; y < ny; y++, voxel += nx)
      visit(voxel, ((z - low + room) * rows.ny + y + room) * rows.width + side);
}

export function pack(mask: Uint8Array, part: Part): BitRows {
  const rows = emptyRows(part);
  const [nx] = part.shape;
  const groups = groupsOf(mask, nx);
  eachRow(rows, part, (voxel, word) => {
    if (groups) packGroups(groups, voxel >> 2, nx >> 2, rows.words, word);
    else packRow(mask, voxel, nx, rows.words, word);
  });
  return rows;
}

function packGroups(
  groups: Uint32Array,
  from: number,
  n: number,
  words: Uint32Array,
  word: number,
): void {
  const end = from + n;
  let at = from;
  let to = word;
  for (; at + 8 <= end; at += 8, to++) {
    const low =
      groups[at]! | (groups[at + 1]! << 1) | (groups[at + 2]! << 2) | (groups[at + 3]! << 3);
    const high =
      groups[at + 4]! | (groups[at + 5]! << 1) | (groups[at + 6]! << 2) | (groups[at + 7]! << 3);
    words[to] = low | (high << 4);
  }
  for (let shift = 0; at < end; at++, shift++) words[to]! |= groups[at]! << shift;
}

function packRow(mask: Uint8Array, from: number, n: number, words: Uint32Array, word: number) {
  for (let i = 0; i < n; i++) if (mask[from + i]) words[word + (i >> 5)]! |= bitOf(i);
}

/** Write the words that have become others back into a mask. */
export function unpack(rows: BitRows, before: Uint32Array, part: Part, mask: Uint8Array): void {
  const { words } = rows;
  const [nx] = part.shape;
  const groups = groupsOf(mask, nx);
  const n = Math.ceil(nx / 32);
  eachRow(rows, part, (voxel, word) => {
    for (let w = 0; w < n; w++) {
      const now = words[word + w]!;
      if (now === before[word + w]) continue;
      const first = voxel + 32 * w;
      const voxels = Math.min(32, nx - 32 * w);
      if (groups) unpackGroups(now, groups, first >> 2, voxels >> 2);
      else unpackWord(now, mask, first, voxels);
    }
  });
}

function unpackGroups(word: number, groups: Uint32Array, from: number, n: number): void {
  for (let g = 0; g < n; g++) groups[from + g] = (word >>> g) & EACH;
}

function unpackWord(word: number, mask: Uint8Array, from: number, n: number): void {
  for (let i = 0; i < n; i++) mask[from + i] = word & bitOf(i) ? 1 : 0;
}
