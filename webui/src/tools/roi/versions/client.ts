// Versions of a mask: list, voxels, agreement of two, and bringing one back.
import { api, BASE, path } from "../../../core/api";
import { toApiError } from "../../../core/problem";
import type { Items, Schema } from "../../../core/types";
import { unbits } from "../nifti";
import type { Geometry } from "../roi.svelte";

export type FileVersion = Schema["FileVersion"];
export type Agreement = Schema["Agreement"];

/** A mask of a file: the present one, or an earlier version by its number. */
export interface Chosen {
  file_id: number;
  kept: number | null;
}

export const listVersions = async (id: number): Promise<FileVersion[]> =>
  (await api.get<Items<FileVersion>>(path("files", id, "versions"))).items;

export const compare = (a: Chosen, b: Chosen): Promise<Agreement> =>
  api.post<Agreement>("/rois/compare", { a, b });

export interface Loaded {
  geometry: Geometry;
  data: Uint8Array<ArrayBuffer>;
}

/** The voxels of a version on its own grid. */
export async function load({ file_id, kept }: Chosen): Promise<Loaded> {
  const query = { kept };
  const facts = await api.get<Schema["RoiFile"]>(path("files", file_id, "rois"), query);
  const asked = kept === null ? "" : `?kept=${kept}`;
  const url = `${BASE}${path("files", file_id, "rois", 0, "bits")}${asked}`;
  const response = await fetch(url, { credentials: "same-origin" });
  if (!response.ok) throw await toApiError(response, `GET ${url}`);
  const shape = facts.shape.slice(0, 3) as unknown as Geometry["shape"];
  const packed = new Uint8Array(await response.arrayBuffer());
  const voxels = shape[0] * shape[1] * shape[2];
  const geometry = { shape, affine: facts.affine.flat(), frames: facts.n_frames, frameSeconds: 0 };
  return { geometry, data: unbits(packed, voxels, facts.n_frames) };
}

export const restore = (id: number, n: number, version: string): Promise<Schema["SavedFile"]> =>
  api.post<Schema["SavedFile"]>(path("files", id, "versions", n, "restore"), { version });
