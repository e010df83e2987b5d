// @vitest-environment node
// Files of other formats become the same images in the page as on the service (VIEW-04).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
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
