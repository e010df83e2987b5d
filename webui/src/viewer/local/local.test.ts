// @vitest-environment node
// Files of other formats become the same images in the page as on the service (VIEW-04).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lengthOf, lengthText } from "../lengths";
import { loadFile } from "../load";
import type { Vec3 } from "../linalg";
import type { ComplexPart } from "./complex";
import { firstOfSeries } from "./index";

interface Case {
  name: string;
  files: { name: string; data: string }[];
  shape: number[];
  affine: number[][];
  values: number[];
  part?: ComplexPart;
  error?: string;
}

const FILE = join(import.meta.dirname, "../../../../tests/vectors/local.json");
const CASES = JSON.parse(readFileSync(FILE, "utf8")) as Case[];
const filesOf = (one: Case): File[] =>
  one.files.map(({ name, data }) => new File([Buffer.from(data, "base64")], name));

async function load(one: Case) {
  const files = await firstOfSeries(filesOf(one));
  expect(files).toHaveLength(1);
  return loadFile(files[0]!, {}, one.part);
}

describe("files of this computer", () => {
  it.each(CASES.filter((one) => !one.error).map((one) => [one.name, one] as const))(
    "VIEW-04 %s",
    async (_, one) => {
      const volume = await load(one);
      const colour = volume.channels === 3;
      expect([...volume.shape]).toEqual(one.shape.slice(0, 3));
      expect(volume.affine).toHaveLength(16);
      one.affine.flat().forEach((x, i) => expect(volume.affine[i]).toBeCloseTo(x, 3));
      const [nx, ny, nz] = volume.shape;
      const frames = colour ? 1 : volume.frames;
      const found: number[] = [];
      for (let t = 0; t < frames; t++)
        for (let at = 0; at < nx * ny * nz; at++) {
          const voxel: Vec3 = [at % nx, Math.floor(at / nx) % ny, Math.floor(at / nx / ny)];
          found.push(...[volume.value(voxel, t) as number].flat());
        }
      const n = nx * ny * nz;
      const expected = colour
        ? found.map((_, i) => one.values[(i % 3) * n + Math.floor(i / 3)]!)
        : one.values;
      expect(found).toHaveLength(expected.length);
      found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 3));
    },
  );

  it.each(CASES.filter((one) => one.error).map((one) => [one.name, one] as const))(
    "says what is wrong: %s",
    async (_, one) => {
      await expect(load(one)).rejects.toThrow(new RegExp(one.error!));
    },
  );

  /** The objects of a case with other bytes in them. */
  async function changed(name: string, from: Buffer, to: Buffer): Promise<File[]> {
    const files = filesOf(CASES.find((one) => one.name === name)!);
    const parts = await Promise.all(
      files.map(async (file) => Buffer.from(await file.arrayBuffer())),
    );
    for (const bytes of parts)
      for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1))
        to.copy(bytes, at);
    return firstOfSeries(parts.map((bytes, i) => new File([bytes], files[i]!.name)));
  }

  it("say when nobody knows how large a pixel of an object is (VIEW-x09)", async () => {
    const [spacing, other] = [
      [0x28, 0, 0x30, 0],
      [0x28, 0, 0x32, 0],
    ].map((tag) => Buffer.from(tag));
    const [file] = await changed("dicom", spacing!, other!);
    const { header } = await loadFile(file!);
    expect(header.marks).toEqual(["px"]);
    expect(lengthText(5, lengthOf(header))).toBe("5.0 px, no mm: spacing unknown");
    const [known] = await firstOfSeries(filesOf(CASES.find((one) => one.name === "dicom")!));
    expect(lengthOf((await loadFile(known!)).header)).toBe("mm");
  });

  it("say when the lowest value of an object is the brightest (VIEW-04)", async () => {
    const [usual, film] = ["MONOCHROME2", "MONOCHROME1"].map((word) => Buffer.from(word));
    const [file] = await changed("dicom", usual!, film!);
    expect((await loadFile(file!)).header.marks).toEqual(["inv"]);
  });

  it("of electron tomography are measured in Ångström (VIEW-x09)", async () => {
    const [map] = filesOf(CASES.find((one) => one.name === "mrc of i2")!);
    expect(lengthText(5, lengthOf((await loadFile(map!)).header))).toBe("5.0 Å");
  });

  it("keeps series apart that are dropped together", async () => {
    const [one, other] = ["dicom", "dicom colour"].map((name) =>
      filesOf(CASES.find((found) => found.name === name)!),
    );
    const copies = other!.map((file) => new File([file], `other-${file.name}`));
    expect(await firstOfSeries([...one!, ...copies])).toHaveLength(1);
    const text = new File(["no object at all, but a text that is long enough"], "notes.dcm");
    expect(await firstOfSeries([...one!, text])).toHaveLength(2);
    await expect(loadFile(text)).rejects.toThrow(/NIfTI|short/);
  });
});
