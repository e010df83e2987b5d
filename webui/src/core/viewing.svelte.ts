// What the rest of the page may ask of the viewport engine; the engine itself plugs in later.
import type { Component } from "svelte";
import { complain } from "./toast.svelte";
import type { FileRow } from "./types";

export type Role = "background" | "overlay" | "labels";

export interface ViewerLayout {
  name: string;
  label: string;
}

/** The door of the viewer, as far as the frame and the table use it. */
export interface ViewerModule {
  Viewer: Component;
  ViewerStatus?: Component;
  LayerPanel?: Component;
  /** Layout and the like, in the top bar. */
  ViewerTools?: Component;
  LAYOUTS?: readonly ViewerLayout[];
  viewer: {
    open: (file: FileRow, role?: Role) => unknown;
    readonly layoutName?: string;
    setLayout?: (name: string) => void;
    readonly layers?: readonly unknown[];
  };
}

let current = $state.raw<{ module: ViewerModule | null }>({ module: null });
let waiting: (() => void)[] = [];

/** The viewer is there, and so are the tools that open files of their own. */
export function plugViewer(module: ViewerModule): void {
  current = { module };
  const queued = waiting;
  waiting = [];
  for (const act of queued) act();
}

/** Do it now, or as soon as viewer and tools are there. */
export function whenPlugged(act: () => void): void {
  if (current.module) act();
  else waiting = [...waiting, act];
}

export const viewing = {
  get module(): ViewerModule | null {
    return current.module;
  },
};

/** Shows files that are no images, such as markers. */
export interface Opener {
  /** What the menu of a file says. */
  label: string;
  fits: (name: string, kind: string) => boolean;
  open: (file: FileRow) => unknown;
  /** Shows a file of this computer, which never leaves it. */
  openLocal?: (file: File) => unknown;
}

let openers: readonly Opener[] = $state.raw([]);

/** Let a tool show files of its own; returns what takes it away. */
export function registerOpener(opener: Opener): () => void {
  openers = [...openers, opener];
  return () => (openers = openers.filter((one) => one !== opener));
}

/** What shows a file of this name; of a file of this computer the kind is not known. */
export const openerOf = (name: string, kind = ""): Opener | undefined =>
  openers.find((one) => one.fits(name, kind));

/** Whether the viewports can show a file of this kind. */
export function canView(file: FileRow): boolean {
  return file.volume_url !== null || ["surface", "streamlines"].includes(file.kind);
}

/** Open a file; without a role the viewer judges by its kind. Waits until the viewer is there. */
export async function openFile(file: FileRow, role?: Role): Promise<void> {
  const module = current.module;
  if (!module) return whenPlugged(() => void openFile(file, role));
  try {
    await module.viewer.open(file, role);
  } catch (error) {
    complain(error, file.name);
  }
}

export const FILE_MIME = "application/x-nora-file";
