// Texts of the atlas tool.
export const text = {
  title: "Atlas",
  open: "Labels of this atlas",
  none: "No atlas is shown",
  noneHint:
    "Tag a label map with atlas and open it, or drop a label map as ROI. Its labels are listed here.",
  choose: "Atlas",
  find: "Find a label",
  showAll: "Show all",
  hideAll: "Hide all",
  only: "Show only {name}",
  show: "Show {name}",
  hide: "Hide {name}",
  jump: "Go to {name}",
  colour: "Colour of {name}",
  roi: "ROI from {name}",
  roiShown: "ROI from what is shown",
  roiShownHint: "One ROI of all labels that are shown",
  outline: "Outlines",
  opacity: "Opacity",
  reading: "Reading the labels",
  source: "Names from {name}",
  sourceHeader: "Names from the header",
  sourceNone: "Nothing names the labels. Put a table beside the file, such as {name}.",
  missing: "The names could not be read",
  label: "label {n}",
  here: "Here: {name}",
  outside: "No label here",
  listed: "{n} of {all} labels",
  more: "{n} more. Type to narrow the list.",
  made: "ROI {name} made",
  persistent: "Names in the viewports",
} as const;

export function fill(template: string, values: Record<string, string | number>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
