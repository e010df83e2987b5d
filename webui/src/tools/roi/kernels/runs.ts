// Masks as runs of neighbouring voxels: pairs of first index and length, for undo and storage.

/** Grows as numbers are added. */
export class NumberList {
  private store = new Uint32Array(256);
  length = 0;

  push(value: number): void {
    if (this.length === this.store.length) {
      const more = new Uint32Array(2 * this.length);
      more.set(this.store);
      this.store = more;
    }
    this.store[this.length++] = value;
  }

  /** Take the last number away. */
  pop(): number {
    return this.store[--this.length]!;
  }

  get values(): Uint32Array {
    return this.store.subarray(0, this.length);
  }
}

/** Runs of the voxels that are on. */
export function encode(mask: Uint8Array): Uint32Array<ArrayBuffer> {
  const out = new NumberList();
  let at = mask.indexOf(1);
  while (at >= 0) {
    const off = mask.indexOf(0, at);
    const end = off < 0 ? mask.length : off;
    out.push(at);
    out.push(end - at);
    at = off < 0 ? -1 : mask.indexOf(1, end);
  }
  return out.values.slice();
}

/** Switch the runs of a mask on. */
export function decode(runs: ArrayLike<number>, mask: Uint8Array): void {
  for (let i = 0; i < runs.length; i += 2) mask.fill(1, runs[i]!, runs[i]! + runs[i + 1]!);
}

/** Runs of voxels, given in any order and without repeats. */
export function fromIndices(indices: Uint32Array): Uint32Array<ArrayBuffer> {
  const sorted = indices.slice().sort();
  const out = new NumberList();
  for (let i = 0; i < sorted.length;) {
    const start = sorted[i]!;
    let length = 1;
    while (++i < sorted.length && sorted[i] === start + length) length++;
    out.push(start);
    out.push(length);
  }
  return out.values.slice();
}

/** Goes from a voxel where four are equal to the next where they are not. */
function equalWords(a: Uint8Array, b: Uint8Array): ((i: number) => number) | null {
  if (a.byteOffset % 4 || b.byteOffset % 4) return null;
  const n = a.length >> 2;
  const one = new Uint32Array(a.buffer, a.byteOffset, n);
  const two = new Uint32Array(b.buffer, b.byteOffset, n);
  return (i) => {
    let word = i >> 2;
    if (word >= n || one[word] !== two[word]) return i + 1;
    while (word < n && one[word] === two[word]) word++;
    return 4 * word;
  };
}

/** Runs where two masks of one size differ. */
export function differing(before: Uint8Array, after: Uint8Array): Uint32Array<ArrayBuffer> {
  const out = new NumberList();
  const equal = equalWords(before, after);
  for (let i = 0; i < before.length;) {
    if (before[i] === after[i]) {
      i = equal && i % 4 === 0 ? equal(i) : i + 1;
      continue;
    }
    const start = i;
    while (i < before.length && before[i] !== after[i]) i++;
    out.push(start);
    out.push(i - start);
  }
  return out.values.slice();
}

/** Turn the voxels of runs over; returns by how many more are on afterwards. */
export function flip(mask: Uint8Array, runs: Uint32Array): number {
  let change = 0;
  for (let r = 0; r < runs.length; r += 2) {
    const end = runs[r]! + runs[r + 1]!;
    for (let i = runs[r]!; i < end; i++) {
      const was = mask[i]!;
      mask[i] = 1 - was;
      change += 1 - 2 * was;
    }
  }
  return change;
}
