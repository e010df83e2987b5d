// What tools keep of a view in a link, beside what the viewer keeps itself.
import type { FileRow } from "../../core/types";

export interface Saved {
  value: unknown;
  /** Ids of the files that the value names by their place in this list. */
  files: number[];
}

export interface LinkPart {
  save: () => Saved;
  /** Show what was saved; null stands for a file that is not there, or may not be seen. */
  show: (value: unknown, files: readonly (FileRow | null)[], all: readonly FileRow[]) => unknown;
  /** Names of what is on this computer only, and so stays out of links. */
  local: () => readonly string[];
}

/** As it stands in a link: files by their place among those of the link. */
export type PackedParts = Record<string, { value: unknown; files: number[] }>;

const parts = new Map<string, LinkPart>();

export const registerPart = (name: string, part: LinkPart): void => void parts.set(name, part);

export const localNames = (): string[] => [...parts.values()].flatMap((part) => part.local());

export const saveParts = (): Record<string, Saved> =>
  Object.fromEntries([...parts].map(([name, part]) => [name, part.save()]));

/** Show the parts of a link; what an older link does not know stays as it is. */
export async function showParts(
  packed: PackedParts | undefined,
  files: readonly (FileRow | null)[],
): Promise<void> {
  const all = files.filter((file) => file !== null);
  const shown = [...parts].map(([name, part]) => {
    const told = packed?.[name];
    return told
      ? part.show(
          told.value,
          told.files.map((n) => files[n] ?? null),
          all,
        )
      : null;
  });
  await Promise.all(shown);
}
