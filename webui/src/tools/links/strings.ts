// Texts of shared links.
export const text = {
  title: "Links",
  intro:
    "A link opens this view again: layout, images, windows, crosshair, markers and the table. It gives nobody a right: people see what they may see.",
  name: "Name",
  nameHint: "What is to be seen",
  share: "Share this view",
  saveNew: "Save as a new link",
  overwrite: "Overwrite this link",
  nothing: "Nothing is shown: open an image first.",
  opened: "Opened from",
  by: "by {owner}",
  copied: "Link copied",
  copy: "Copy the link",
  made: "The link is ready and has been copied.",
  changed: "The link shows this view now.",
  local: "Not in the link, because they are on this computer only: {names}",
  unsaved: "Not in the link, because it is not saved: {names}",
  yours: "Links of this project",
  none: "No links yet",
  open: "Open “{name}”",
  copyNamed: "Copy the link “{name}”",
  revoke: "Revoke “{name}”",
  revoked: "“{name}” opens nothing any more",
  undo: "Undo",
  untitled: "Untitled",
  missing: "{n} files of this link are not here, or you may not see them",
  missingNamed: "Not found: {names}",
  failed: "The link could not be opened",
  listFailed: "The links could not be listed",
  noPreset: "This project has no preset “{name}”",
  secret: "A user or token in an address is never used. Sign in as yourself.",
  badCall: "The call in the address could not be read: check its quotes",
  address: "Address of the link",
} as const;

export const say = (key: keyof typeof text, params: Record<string, string | number> = {}): string =>
  text[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));
