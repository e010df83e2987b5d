import { describe, expect, it } from "vitest";
import {
  contrastOf,
  firstState,
  hashToState,
  pyramidName,
  stateToHash,
  type PyramidInfo,
} from "./pyramid";

const info: PyramidInfo = {
  data_type: "uint16",
  scales: [{ key: "1_1_1", size: [900, 600, 200], resolution: [1.25, 1.25, 1.25] }],
  nora: {
    value_offset: 32768,
    contrast: { shaderParameters: { range: [32700, 32900], window: [32000, 34000] } },
  },
};
const BASE = "http://127.0.0.1:8181/api/v1/pyramids/12/";

interface State {
  layers: { source: string; shaderControls?: { contrast: unknown } }[];
  position: number[];
  dimensions: Record<string, [number, string]>;
}
const opened = (what: PyramidInfo): State => firstState(what, BASE, "a") as unknown as State;

describe("the first look at a pyramid (NG-07)", () => {
  it("has the contrast of its file, lies in the middle and knows its lengths", () => {
    const state = opened(info);
    expect(state.layers[0]?.shaderControls?.contrast).toEqual({
      range: [32700, 32900],
      window: [32000, 34000],
    });
    expect(state.layers[0]?.source).toBe(`precomputed://${BASE}`);
    expect(state.position).toEqual([450, 300, 100]);
    expect(state.dimensions.x?.[0]).toBeCloseTo(1.25e-9, 15);
  });

  it("falls back where the file of others tells no contrast, or an empty one", () => {
    const { nora: _nora, ...foreign } = info;
    expect(contrastOf(foreign)).toEqual({ range: [0, 65535], window: [0, 65535] });
    expect(contrastOf({ ...foreign, data_type: "float32" })).toBeNull();
    expect(opened({ ...foreign, data_type: "float32" }).layers[0]).not.toHaveProperty(
      "shaderControls",
    );
    const flat = { contrast: { shaderParameters: { range: [5, 5], window: [0, 9] } } };
    expect(contrastOf({ ...foreign, nora: flat })).toEqual({ range: [0, 9], window: [0, 9] });
  });

  it("says what is wrong with a pyramid without scales", () => {
    expect(() => firstState({ ...info, scales: [] }, BASE, "a")).toThrow("no scales");
  });
});

describe("the state in the address", () => {
  it("comes back as it was, at another name of the service, too", () => {
    const hash = stateToHash(firstState(info, BASE, "ä (1), 50 %"), "http://127.0.0.1:8181");
    expect(hash).not.toContain("127.0.0.1");
    expect(hash.slice(2)).not.toMatch(/[\s"#!]/);
    const moved = hashToState(hash, "https://lab.example");
    expect(JSON.stringify(moved)).toContain(
      "precomputed://https://lab.example/api/v1/pyramids/12/",
    );
    expect(hashToState(hash, "http://127.0.0.1:8181")).toEqual(
      firstState(info, BASE, "ä (1), 50 %"),
    );
  });

  it("is left alone when it is not a state", () => {
    for (const hash of ["", "#", "#x", "#!", "#!{", "#!3", "#!%5B%5D", "#!%E0%A4%A"])
      expect(hashToState(hash, "http://a"), hash).toBeNull();
  });
});

it("a pyramid is named by its folder", () => {
  expect(pyramidName("tomo/hedwig/neuro-BB-01")).toBe("BB-01");
  expect(pyramidName("other")).toBe("other");
  expect(pyramidName("HQ_Images/slide_1/slide_1.ome.zarr")).toBe("slide_1");
});
