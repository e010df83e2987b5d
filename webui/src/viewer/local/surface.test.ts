// Surfaces of this computer: damaged ones are refused before they are drawn (VIEW-04, VIEW-30).
import { describe, expect, it } from "vitest";
import { checkSurface } from "./surface";

const CORNERS = [0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9];
const FACES = [0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3];

/** A file whose bytes can be read, which those of this environment cannot. */
function fileOf(name: string, bytes: Uint8Array | string): File {
  const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  const file = new File([], name);
  file.arrayBuffer = () => Promise.resolve(data.slice().buffer as ArrayBuffer);
  return file;
}

const threes = (numbers: readonly number[]): number[][] =>
  Array.from({ length: numbers.length / 3 }, (_, i) => numbers.slice(3 * i, 3 * i + 3));
const lines = (numbers: readonly number[], start: string): string =>
  threes(numbers)
    .map((row) => `${start}${row.join(" ")}\n`)
    .join("");

const obj = (faces: readonly number[]): string =>
  lines(CORNERS, "v ") +
  lines(
    faces.map((one) => one + 1),
    "f ",
  );

const plyHead = (format: string): string =>
  `ply\nformat ${format} 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n` +
  "element face 4\nproperty list uchar int vertex_indices\nend_header\n";
const plyText = (faces: readonly number[]): string =>
  plyHead("ascii") + lines(CORNERS, "") + lines(faces, "3 ");

function plyBytes(faces: readonly number[]): Uint8Array {
  const head = new TextEncoder().encode(plyHead("binary_little_endian"));
  const out = new Uint8Array(head.length + 48 + 4 * 13);
  out.set(head);
  const view = new DataView(out.buffer, head.length);
  CORNERS.forEach((x, i) => view.setFloat32(4 * i, x, true));
  threes(faces).forEach((row, i) => {
    view.setUint8(48 + 13 * i, 3);
    row.forEach((at, k) => view.setInt32(49 + 13 * i + 4 * k, at, true));
  });
  return out;
}

function mz3(faces: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(16 + 48 + 48));
  [23117, 3].forEach((x, i) => view.setUint16(2 * i, x, true));
  [4, 4, 0].forEach((x, i) => view.setUint32(4 + 4 * i, x, true));
  faces.forEach((at, i) => view.setInt32(16 + 4 * i, at, true));
  CORNERS.forEach((x, i) => view.setFloat32(64 + 4 * i, x, true));
  return new Uint8Array(view.buffer);
}

function freesurfer(faces: readonly number[]): Uint8Array {
  const head = [255, 255, 254, ...new TextEncoder().encode("created by hand\n\n")];
  const out = new Uint8Array(head.length + 8 + 48 + 48);
  out.set(head);
  const view = new DataView(out.buffer, head.length);
  [4, 4].forEach((x, i) => view.setInt32(4 * i, x));
  CORNERS.forEach((x, i) => view.setFloat32(8 + 4 * i, x));
  faces.forEach((at, i) => view.setInt32(56 + 4 * i, at));
  return out;
}

function gifti(faces: readonly number[]): string {
  const base64 = Buffer.from(Int32Array.from(faces).buffer).toString("base64");
  const array = (intent: string, encoding: string, data: string): string =>
    `<DataArray Intent="NIFTI_INTENT_${intent}" Dim0="4" Encoding="${encoding}"` +
    ` Endian="LittleEndian"><Data>${data}</Data></DataArray>`;
  const points = array("POINTSET", "ASCII", CORNERS.join(" "));
  return `<GIFTI>${points}${array("TRIANGLE", "Base64Binary", base64)}</GIFTI>`;
}

const MAKERS: [name: string, make: (faces: readonly number[]) => Uint8Array | string][] = [
  ["a.obj", obj],
  ["text.ply", plyText],
  ["binary.ply", plyBytes],
  ["a.mz3", mz3],
  ["lh.pial", freesurfer],
  ["a.gii", gifti],
];

describe("surfaces of this computer", () => {
  it.each(MAKERS)("%s: corners that exist, or a message", async (name, make) => {
    await expect(checkSurface(fileOf(name, make(FACES)))).resolves.toBeUndefined();
    for (const bad of [4, 99, -9]) {
      const file = fileOf(name, make([...FACES.slice(0, -1), bad]));
      await expect(checkSurface(file)).rejects.toThrow("a vertex that does not exist");
    }
  });

  it.each(MAKERS.slice(1, 5))("%s: cut", async (name, make) => {
    const whole = make(FACES);
    const cut = typeof whole === "string" ? whole.slice(0, -7) : whole.slice(0, -60);
    await expect(checkSurface(fileOf(name, cut))).rejects.toThrow("damaged");
  });

  it("STL without all of its triangles, GIFTI without a surface", async () => {
    const bytes = new Uint8Array(84 + 50);
    bytes[80] = 1;
    await expect(checkSurface(fileOf("a.stl", bytes))).resolves.toBeUndefined();
    bytes[80] = 2;
    await expect(checkSurface(fileOf("a.stl", bytes))).rejects.toThrow("too early");
    await expect(checkSurface(fileOf("a.gii", "<GIFTI/>"))).rejects.toThrow("without a surface");
    await expect(checkSurface(fileOf("a.gii", "<GIFTI>"))).rejects.toThrow("XML");
  });
});
