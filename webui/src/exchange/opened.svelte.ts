// Files of this computer that were opened on the desktop: they stay here until somebody uploads them.
import type { Picked } from "./picked";

let files = $state.raw<readonly Picked[]>([]);

const same = (one: File, other: File): boolean =>
  one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

export const opened = {
  get files(): readonly Picked[] {
    return files;
  },
};

export function rememberOpened(more: readonly File[]): void {
  const fresh = more.filter((file) => !files.some((one) => same(one.file, file)));
  files = [...files, ...fresh.map((file) => ({ path: file.name, file }))];
}

export function forgetOpened(): void {
  files = [];
}
