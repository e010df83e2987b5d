// Reads streamlines of mrtrix (TCK): every number format, with or without their count.
import type { Streamlines } from "./fibers";

const FORMATS: Record<string, { bytes: 4 | 8; little: boolean }> = {
  float32le: { bytes: 4, little: true },
  float32be: { bytes: 4, little: false },
  float64le: { bytes: 8, little: true },
  float64be: { bytes: 8, little: false },
};
const HEADER_BYTES = 65536;

/** The header's lines up to END, as keys in small letters. */
function headerOf(bytes: Uint8Array): Map<string, string> {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, HEADER_BYTES));
  const lines = text.slice(0, Math.max(0, text.search(/^END\s*$/m))).split("\n");
  if (!/^mrtrix tracks/.test(lines[0] ?? "")) throw new Error("This is not a TCK file.");
  return new Map(
    lines.slice(1).flatMap((line) => {
      const at = line.indexOf(":");
      return at > 0 ? [[line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()]] : [];
    }),
  );
}

/** Streamlines end with NaN, the file with infinity; what was cut off at the end is left out. */
export function readTck(buffer: ArrayBuffer): Streamlines {
  const bytes = new Uint8Array(buffer);
  const header = headerOf(bytes);
  const format = FORMATS[(header.get("datatype") ?? "").toLowerCase()];
  if (!format) throw new Error(`TCK: ${header.get("datatype") ?? "no datatype"} cannot be read.`);
  const start = Number(/(\d+)\s*$/.exec(header.get("file") ?? "")?.[1]);
  if (!(start > 0) || start > bytes.length)
    throw new Error("TCK: the header has no place of data.");
  const view = new DataView(buffer);
  const { bytes: size, little } = format;
  const number = (at: number): number =>
    size === 4 ? view.getFloat32(at, little) : view.getFloat64(at, little);
  const triplets = Math.floor((bytes.length - start) / (3 * size));
  const vertices = new Float32Array(3 * triplets);
  const offsets = [0];
  let n = 0;
  for (let i = 0; i < triplets; i++) {
    const at = start + 3 * size * i;
    const x = number(at);
    if (Math.abs(x) === Infinity) break;
    if (Number.isNaN(x)) {
      if (n > offsets.at(-1)!) offsets.push(n);
      continue;
    }
    vertices[3 * n] = x;
    vertices[3 * n + 1] = number(at + size);
    vertices[3 * n + 2] = number(at + 2 * size);
    n++;
  }
  if (n > offsets.at(-1)!) offsets.push(n);
  return { vertices: vertices.subarray(0, 3 * n), offsets: Uint32Array.from(offsets) };
}
