// Bundles Neuroglancer into a folder of its own, which the page of pyramids loads when it opens.
// Its workers are modules beside the main one; Vite copies them without what they import.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = `${process.env.NORA_WEBUI_OUT ?? here("../../appliance/web/static")}/neuroglancer`;

/** Icons are asked for as texts. */
const rawTexts = {
  name: "raw-texts",
  setup(bundler) {
    bundler.onResolve({ filter: /\?raw$/ }, async (asked) => {
      const found = await bundler.resolve(asked.path.replace(/\?raw$/, ""), {
        kind: asked.kind,
        importer: asked.importer,
        resolveDir: asked.resolveDir,
      });
      return { ...found, namespace: "raw" };
    });
    bundler.onLoad({ filter: /.*/, namespace: "raw" }, async ({ path }) => {
      const { readFile } = await import("node:fs/promises");
      return { contents: await readFile(path, "utf8"), loader: "text" };
    });
  },
};

/** All parts lie in one folder, so a worker starts its own worker beside itself. */
const besideEachOther = {
  name: "beside-each-other",
  setup(bundler) {
    bundler.onLoad({ filter: /async_computation[\\/]request\.js$/ }, async ({ path }) => {
      const { readFile } = await import("node:fs/promises");
      const text = await readFile(path, "utf8");
      return { contents: text.replace("../async_computation.bundle.js", "./async.js") };
    });
    bundler.onLoad({ filter: /lib[\\/]data_management_context\.js$/ }, async ({ path }) => {
      const { readFile } = await import("node:fs/promises");
      const text = await readFile(path, "utf8");
      return { contents: text.replace("./chunk_worker.bundle.js", "./chunks.js") };
    });
  },
};

/** Calls what WebAssembly exports, as the code would that Emscripten makes of texts at run time. */
function callWithoutEval(parts) {
  const [, invoke, fn, runDestructors, returned, , ...rest] = parts;
  const types = rest.filter((one) => typeof one !== "function");
  return (...given) => {
    const destructors = [];
    const wired = types.map((type, at) => type.toWireType(destructors, given[at]));
    const value = invoke(fn, ...wired);
    runDestructors(destructors);
    return returned.name === "void" ? undefined : returned.fromWireType(value);
  };
}

/** Our policy allows no code made of texts; only the worker that unpacks may run WebAssembly. */
const withoutEval = {
  name: "without-eval",
  setup(bundler) {
    bundler.onLoad({ filter: /numcodecs[\\/]dist[\\/](blosc|zstd)\.js$/ }, async ({ path }) => {
      const { readFile } = await import("node:fs/promises");
      const text = await readFile(path, "utf8");
      const made =
        /(\w+) = \w+\(\w+\)(?:\.apply\(null, |\(\.\.\.)(\w+)\);\n(?=\s+\w+ = \w+\(\w+, g\))/;
      if (!made.test(text)) throw new Error(`${path} is not what it was: look at withoutEval`);
      return { contents: text.replace(made, "$1 = callWithoutEval($2);\n") + callWithoutEval };
    });
    // Segmentations, which we do not show, are packed by code that is made when a worker starts.
    bundler.onLoad(
      { filter: /compressed_segmentation[\\/]encode_common\.js$/ },
      async ({ path }) => {
        const { readFile } = await import("node:fs/promises");
        const text = await readFile(path, "utf8");
        const made = /(const writeEncodedRepresentation =) (new Function\([\s\S]*?\n\));/;
        if (!made.test(text)) throw new Error(`${path} is not what it was: look at withoutEval`);
        return { contents: text.replace(made, "$1 (...given) => $2(...given);") };
      },
    );
  },
};

const lib = here("../node_modules/neuroglancer/lib");
await build({
  entryPoints: {
    main: here("./neuroglancer-main.mjs"),
    chunks: `${lib}/chunk_worker.bundle.js`,
    async: `${lib}/async_computation.bundle.js`,
  },
  outdir: out,
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "linked",
  loader: { ".wasm": "file", ".svg": "text", ".html": "text" },
  plugins: [rawTexts, besideEachOther, withoutEval],
  // Only what a pyramid of ours needs: no cloud services, no sign-in.
  conditions: [
    "neuroglancer/datasource:none_by_default",
    "neuroglancer/datasource/precomputed:enabled",
    "neuroglancer/datasource/zarr:enabled",
    "neuroglancer/kvstore:none_by_default",
    "neuroglancer/kvstore/http:enabled",
    "neuroglancer/layer:none_by_default",
    "neuroglancer/layer/image:enabled",
  ],
  logLevel: "warning",
});
