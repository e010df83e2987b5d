// @vitest-environment node
import { expect, it } from "vitest";
import { crc32, packs, zip } from "./zip";
import { parcels, type Picked } from "./picked";

const text = (s: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(s);
const blob = (s: string): Blob => new Blob([s]);

it("crc32 agrees with the standard's check value", () => {
  expect(crc32(text("123456789"))).toBe(0xcbf43926);
});

/** Reads a stored zip by its central directory, as an unpacker does. */
function unpack(bytes: Uint8Array): [string, string][] {
  const view = new DataView(bytes.buffer);
  const end = bytes.length - 22;
  expect(view.getUint32(end, true)).toBe(0x06054b50);
  let at = view.getUint32(end + 16, true);
  return Array.from({ length: view.getUint16(end + 10, true) }, (): [string, string] => {
    expect(view.getUint32(at, true)).toBe(0x02014b50);
    const [crc, size, length] = [
      view.getUint32(at + 16, true),
      view.getUint32(at + 20, true),
      view.getUint16(at + 28, true),
    ];
    const local = view.getUint32(at + 42, true);
    expect(view.getUint32(local, true)).toBe(0x04034b50);
    const name = new TextDecoder().decode(bytes.slice(at + 46, at + 46 + length));
    const from = local + 30 + view.getUint16(local + 26, true);
    const data = bytes.slice(from, from + size);
    expect(crc32(data)).toBe(crc);
    at += 46 + length;
    return [name, new TextDecoder().decode(data)];
  });
}

it("IMP-07 a folder becomes one archive that holds every file", async () => {
  const files: [string, string][] = [
    ["scan/1.dcm", "one"],
    ["scan/ä b/2.dcm", ""],
    ["scan/3.dcm", "x".repeat(5000)],
  ];
  const packed = await zip(
    files.map(([path, body]) => ({ path, file: blob(body), modified: 1.7e12 })),
  );
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  expect(unpack(bytes)).toEqual(files);
});

it("packing stops when it is cancelled", async () => {
  const stop = new AbortController();
  stop.abort();
  await expect(zip([{ path: "a", file: blob("a") }], { signal: stop.signal })).rejects.toThrow();
});

it("long lists are cut into packs a plain zip can hold", () => {
  const big = { file: { size: 1_500_000_000 } };
  expect(packs([big, big, big]).map((pack) => pack.length)).toEqual([1, 1, 1]);
  expect(
    packs(Array.from({ length: 20_001 }, () => ({ file: { size: 1 } }))).map((pack) => pack.length),
  ).toEqual([20_000, 1]);
});

it("archives travel alone, folders as one, few loose files one by one", () => {
  const pick = (path: string): Picked => ({
    path,
    file: new File(["x"], path.split("/").pop() ?? ""),
  });
  const made = parcels([
    pick("a.nii"),
    pick("b.nii"),
    pick("old.zip"),
    pick("dicom/1"),
    pick("dicom/2"),
  ]);
  expect(made.map((parcel) => [parcel.name, parcel.files.length, parcel.zipped])).toEqual([
    ["old.zip", 1, false],
    ["a.nii", 1, false],
    ["b.nii", 1, false],
    ["dicom.zip", 2, true],
  ]);
});
