// A state of the viewer as a link keeps it: files by name, nothing of this computer.
import type { FileRow, Workstate } from "../../viewer";
import type { PackedParts, Saved } from "./parts";

/** What is kept: as the viewer saves it, but with the number of a file in place of its row. */
export interface Packed extends Omit<Workstate, "layers" | "local"> {
  layers: (Omit<Workstate["layers"][number], "file"> & { file: number })[];
  /** Filters and checks of the table, as in the address. */
  table: string;
  /** What tools keep of it; older links have none. */
  parts?: PackedParts;
}

export function pack(
  state: Workstate,
  table: string,
  saved: Record<string, Saved> = {},
): { state: Packed; files: number[] } {
  const named = [
    ...state.layers.map(({ file }) => file.id),
    ...Object.values(saved).flatMap((part) => part.files),
  ];
  const files = [...new Set(named)];
  const { local: _notShared, layers, ...rest } = state;
  const packed = layers.map((layer) => ({ ...layer, file: files.indexOf(layer.file.id) }));
  const parts = Object.fromEntries(
    Object.entries(saved).map(([name, part]) => [
      name,
      { value: part.value, files: part.files.map((id) => files.indexOf(id)) },
    ]),
  );
  return { state: { ...rest, layers: packed, table, parts }, files };
}

/** The state with the rows that this person may see; layers without a file are left out. */
export function unpack(packed: Packed, files: readonly (FileRow | null)[]): Workstate {
  const { table: _table, parts: _parts, layers, viewports, master, ...rest } = packed;
  const kept = layers.flatMap((layer, i) => (files[layer.file] ? [i] : []));
  const renumber = (i: number): number => kept.indexOf(i);
  return {
    ...rest,
    local: [],
    master: master === null || renumber(master) < 0 ? null : renumber(master),
    layers: kept.map((i) => ({ ...layers[i]!, file: files[layers[i]!.file]! })),
    viewports: viewports.map((viewport) => ({
      ...viewport,
      layers: viewport.layers.map(renumber).filter((i) => i >= 0),
      overrides: Object.fromEntries(
        Object.entries(viewport.overrides).flatMap(([i, look]) =>
          renumber(Number(i)) < 0 ? [] : [[renumber(Number(i)), look]],
        ),
      ),
    })),
  };
}
