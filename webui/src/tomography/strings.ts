// Texts of pyramids and movies.
export const text = {
  page: "Pyramid",
  open: "Open in Neuroglancer",
  back: "Back to the images",
  failed: "The pyramid could not be opened",
  gone: "No pyramid is named",
  goneHint: "Double-click the file info of a pyramid (folder neuro-…) in the table.",
  shift: "Values are shown + {n}",
  shiftHint:
    "The file holds signed integers, which pyramids cannot. Subtract {n} from a value to get that of the file.",
  noLengths: "Pixel size unknown",
  noLengthsHint: "The file does not tell its pixel size; lengths are those of a pixel of 1 nm.",
  reset: "First view",
  resetHint: "Back to the contrast and the place at which it opened",
  copyLink: "Copy link",
  copied: "The link holds the place, the contrast and the layers",
  keys: "Left button: move. Ctrl + wheel: zoom. Right button: centre. H: all keys",
  movieFailed: "The movie cannot be played",
  movieFailedHint: "It may be damaged, or of a kind that this browser does not play.",
};
