// How a file that is no image is shown, judged by its name.

export type DocumentKind = "table" | "json" | "text" | "html" | "pdf" | "picture" | "svg" | "movie";

const ENDINGS: readonly (readonly [DocumentKind, RegExp])[] = [
  ["table", /\.(csv|tsv|tab|xlsx)$/i],
  ["json", /\.json$/i],
  ["html", /\.x?html?$/i],
  ["pdf", /\.pdf$/i],
  ["svg", /\.svg$/i],
  ["movie", /\.(mp4|webm)$/i],
  ["picture", /\.(png|jpe?g|tiff?|bmp|gif|webp)$/i],
  [
    "text",
    /\.(txt|log|md|bvals?|bvecs?|m|py|sh|xml|adoc|mdoc|tlt|rawtlt|xf|ctab|lut|ya?ml|toml)$/i,
  ],
];

/** Files that a tool of its own shows: markers, states of the viewer. */
const ELSEWHERE = /\.(ano|mrk)\.json$|\.fcsv$/i;

/** The kind of a document; null for images and everything that is not shown. */
export function documentKind(name: string): DocumentKind | null {
  if (ELSEWHERE.test(name)) return null;
  return ENDINGS.find(([, ending]) => ending.test(name))?.[0] ?? null;
}
