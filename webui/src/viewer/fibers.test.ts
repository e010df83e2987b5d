import { describe, expect, it } from "vitest";
import { depths, halves, screenAxes } from "./eye";
import { everyNth, fiberLines, proxyOf, RESTART } from "./fibers";
import { cross } from "./linalg";
import { readTck } from "./tck";

const LINES = [
  [0, 0, 0, 4, 0, 0],
  [0, 0, 0, 0, 3, 0, 0, 9, 0],
  [1, 1, 1, 1, 1, -5],
];

/** The lines as mrtrix writes them. */
function tck(datatype = "Float32LE", head = "count: 3\n", end = true): ArrayBuffer {
  const ends = [NaN, NaN, NaN];
  const numbers = [
    ...LINES.flatMap((line) => [...line, ...ends]),
    ...(end ? Array<number>(3).fill(Infinity) : []),
  ];
  const start = 100;
  const text = `mrtrix tracks\ndatatype: ${datatype}\n${head}file: . ${start}\nEND\n`;
  const size = datatype.includes("64") ? 8 : 4;
  const out = new Uint8Array(start + size * numbers.length);
  out.set(new TextEncoder().encode(text));
  const view = new DataView(out.buffer);
  const little = datatype.endsWith("LE");
  numbers.forEach((x, i) => {
    if (size === 4) view.setFloat32(start + 4 * i, x, little);
    else view.setFloat64(start + 8 * i, x, little);
  });
  return out.buffer;
}

describe("TCK files", () => {
  it.each(["Float32LE", "Float32BE", "Float64LE", "Float64BE"])(
    "bug 8: are read as %s, each streamline of them",
    (datatype) => {
      const { vertices, offsets } = readTck(tck(datatype));
      expect([...offsets]).toEqual([0, 2, 5, 7]);
      expect([...vertices]).toEqual(LINES.flat());
    },
  );

  it("bug 8: need no count and no end", () => {
    expect([...readTck(tck("Float32LE", "", false)).offsets]).toEqual([0, 2, 5, 7]);
    const cut = tck().slice(0, 100 + 4 * 16);
    expect([...readTck(cut).offsets]).toEqual([0, 2, 4]);
  });

  it("are refused when they are something else", () => {
    const other = new TextEncoder().encode("NIFTI\nEND\n").buffer as ArrayBuffer;
    expect(() => readTck(other)).toThrow("not a TCK");
    expect(() => readTck(tck("Int16LE"))).toThrow("Int16LE cannot be read");
  });
});

describe("FIB-13, VIEW-30 fibers", () => {
  const lines = fiberLines(readTck(tck()), 1000);

  it("are lines of all points, each ended", () => {
    expect([lines.shown, lines.total]).toEqual([3, 3]);
    expect([...lines.indices]).toEqual([0, 1, RESTART, 2, 3, 4, RESTART, 5, 6, RESTART]);
    expect(lines.box).toEqual({ low: [0, 0, -5], high: [4, 9, 1] });
    expect([...proxyOf(lines.box).points]).toEqual([0, 0, -5, 4, 9, 1, 0, 0, -5]);
  });

  it("have the colour of their direction, whichever way they run", () => {
    const of = (point: number) => [...lines.colours.subarray(4 * point, 4 * point + 3)];
    expect([of(0), of(3), of(6)]).toEqual([
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
    ]);
  });

  it("are thinned evenly when there are more points than can be drawn at once", () => {
    expect([everyNth(10, 10), everyNth(11, 10), everyNth(0, 10)]).toEqual([1, 2, 1]);
    const some = fiberLines(readTck(tck()), 4);
    expect([some.shown, some.total]).toEqual([2, 3]);
    expect([...some.positions]).toEqual([...LINES[0]!, ...LINES[2]!]);
  });

  it("of a single point are none", () => {
    const one = { vertices: Float32Array.of(1, 2, 3), offsets: Uint32Array.of(0, 1) };
    expect(fiberLines(one, 10)).toMatchObject({ shown: 0, total: 0 });
  });
});

describe("the eye of 3D", () => {
  it("has axes at right angles, and the middle of what it sees inside its depth", () => {
    const { right, up, near } = screenAxes({ azimuth: 125, elevation: 12 });
    cross(right, up).forEach((x, axis) => expect(x).toBeCloseTo(near[axis]!, 9));
    const seen = { reach: 100, zoom: 1 };
    expect(halves(seen, 400, 200)).toEqual({ width: 160, height: 80 });
    expect(halves(seen, 200, 400)).toEqual({ width: 80, height: 160 });
    const { middle, perMm } = depths(seen);
    expect(middle + 100 * perMm).toBeLessThan(1);
    expect(middle - 100 * perMm).toBeGreaterThan(0);
  });
});
