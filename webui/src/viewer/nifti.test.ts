import { describe, expect, it } from "vitest";
import { NiftiError, parseHeader, quaternionAffine, samples, swapBytes } from "./nifti";
import { Volume } from "./volume";

interface Made {
  code: number;
  bits: number;
  shape?: number[];
  little?: boolean;
  slope?: number;
  inter?: number;
  sform?: number[];
  quaternion?: number[];
  offset?: number[];
}

/** A NIfTI-1 file with samples 0, 1, 2 ... written by `put`. */
function make(m: Made, put: (view: DataView, at: number, i: number, le: boolean) => void) {
  const le = m.little ?? true;
  const shape = m.shape ?? [2, 3, 4];
  const n = shape.reduce((a, b) => a * b);
  const buffer = new ArrayBuffer(352 + (n * m.bits) / 8);
  const view = new DataView(buffer);
  view.setInt32(0, 348, le);
  [shape.length, ...shape].forEach((v, i) => view.setInt16(40 + 2 * i, v, le));
  view.setInt16(70, m.code, le);
  view.setInt16(72, m.bits, le);
  [1, 2, 2, 3, 0.5].forEach((v, i) => view.setFloat32(76 + 4 * i, v, le));
  view.setFloat32(108, 352, le);
  view.setFloat32(112, m.slope ?? 0, le);
  view.setFloat32(116, m.inter ?? 0, le);
  if (m.sform) {
    view.setInt16(254, 2, le);
    m.sform.forEach((v, i) => view.setFloat32(280 + 4 * i, v, le));
  }
  if (m.quaternion) {
    view.setInt16(252, 1, le);
    m.quaternion.forEach((v, i) => view.setFloat32(256 + 4 * i, v, le));
    (m.offset ?? [0, 0, 0]).forEach((v, i) => view.setFloat32(268 + 4 * i, v, le));
  }
  new Uint8Array(buffer).set([0x6e, 0x2b, 0x31], 344);
  for (let i = 0; i < n; i++) put(view, 352 + (i * m.bits) / 8, i, le);
  return buffer;
}

function read(buffer: ArrayBuffer): Volume {
  const header = parseHeader(buffer);
  if (!header.littleEndian && header.bytesPerSample > 1)
    swapBytes(new Uint8Array(buffer, header.dataOffset), header.bytesPerSample);
  const volume = new Volume("x", header, samples(header, buffer));
  volume.complete = true;
  return volume;
}

const SFORM = [-2, 0, 0, 90, 0, 2, 0, -126, 0, 0, 3, -72];
const TYPES = [
  ["int8", 256, 8, (v: DataView, at: number, i: number) => v.setInt8(at, i - 9)],
  ["uint8", 2, 8, (v: DataView, at: number, i: number) => v.setUint8(at, i)],
  ["int16", 4, 16, (v: DataView, at: number, i: number, le: boolean) => v.setInt16(at, i - 9, le)],
  ["uint16", 512, 16, (v: DataView, at: number, i: number, le: boolean) => v.setUint16(at, i, le)],
  ["int32", 8, 32, (v: DataView, at: number, i: number, le: boolean) => v.setInt32(at, i - 9, le)],
  ["uint32", 768, 32, (v: DataView, at: number, i: number, le: boolean) => v.setUint32(at, i, le)],
  [
    "float32",
    16,
    32,
    (v: DataView, at: number, i: number, le: boolean) => v.setFloat32(at, i / 4, le),
  ],
  [
    "float64",
    64,
    64,
    (v: DataView, at: number, i: number, le: boolean) => v.setFloat64(at, i / 4, le),
  ],
  [
    "int64",
    1024,
    64,
    (v: DataView, at: number, i: number, le: boolean) => v.setBigInt64(at, BigInt(i - 9), le),
  ],
] as const;

describe.each([true, false])("samples, little endian %s", (little) => {
  it.each(TYPES)("%s is read exactly", (name, code, bits, put) => {
    const volume = read(make({ code, bits, little, sform: SFORM }, put));
    const expected = name.startsWith("u") ? 7 : name.startsWith("f") ? 7 / 4 : -2;
    // i fastest: voxel (1, 0, 1) is sample 1 + 2 * (0 + 3 * 1) = 7
    expect(volume.value([1, 0, 1])).toBe(expected);
    expect(volume.header.dtype).toBe(name);
  });
});

describe("header", () => {
  const int16 = TYPES[2];
  it("scales stored values, and only when the slope is not zero", () => {
    const scaled = read(
      make({ code: 4, bits: 16, slope: 2, inter: -1024, sform: SFORM }, int16[3]),
    );
    expect(scaled.value([1, 0, 1])).toBe(-2 * 2 - 1024);
    const plain = read(make({ code: 4, bits: 16, slope: 0, inter: 5, sform: SFORM }, int16[3]));
    expect(plain.value([1, 0, 1])).toBe(-2);
  });

  it("maps world points to voxels by the sform", () => {
    const volume = read(make({ code: 4, bits: 16, sform: SFORM }, int16[3]));
    expect(volume.voxelAt([88, -124, -69])).toEqual([1, 1, 1]);
    expect(volume.voxelAt([92, -124, -69])).toBeNull();
    expect(volume.header.warnings).toEqual([]);
  });

  it("uses the quaternion alone, with qfac", () => {
    const affine = quaternionAffine([0, 1, 0], [1, 2, 3], [-1, 2, 2, 3]);
    expect([affine[0], affine[5], affine[10]]).toEqual([-2, 2, 3]);
    expect([affine[3], affine[7], affine[11]]).toEqual([1, 2, 3]);
  });

  it("warns when sform and qform disagree, not when they agree", () => {
    const put = int16[3];
    const same = make(
      { code: 4, bits: 16, sform: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0], quaternion: [0, 0, 0] },
      put,
    );
    expect(parseHeader(same).warnings).toEqual([]);
    const other = make({ code: 4, bits: 16, sform: SFORM, quaternion: [0, 0, 0] }, put);
    expect(parseHeader(other).warnings[0]).toMatch(/sform and qform disagree by up to .* mm/);
    expect(parseHeader(other).affineFrom).toBe("sform");
  });

  it("says that sides are a guess without any form", () => {
    expect(parseHeader(make({ code: 4, bits: 16 }, int16[3])).warnings[0]).toMatch(/guess/);
  });

  it("counts time points and gives values of each", () => {
    const volume = read(make({ code: 4, bits: 16, shape: [2, 3, 4, 5], sform: SFORM }, int16[3]));
    expect(volume.frames).toBe(5);
    expect(volume.value([0, 0, 0], 2)).toBe(24 * 2 - 9);
  });

  it("reads colour voxels as channels", () => {
    const volume = read(
      make({ code: 128, bits: 24, sform: SFORM }, (v, at, i) => {
        [0, 1, 2].forEach((c) => v.setUint8(at + c, i * 3 + c));
      }),
    );
    expect(volume.value([1, 0, 0])).toEqual([3, 4, 5]);
  });

  it("refuses what is cut, foreign or too new, in words", () => {
    const whole = make({ code: 4, bits: 16, sform: SFORM }, int16[3]);
    const header = parseHeader(whole);
    expect(() => samples(header, whole.slice(0, 380))).toThrow(/cut/);
    expect(() => parseHeader(new ArrayBuffer(10))).toThrow(NiftiError);
    expect(() => parseHeader(new ArrayBuffer(400))).toThrow(/not a NIfTI/);
  });
});
