// Talks to the service about files that are edited elsewhere, and about ROIs as DICOM documents.
import { api, path } from "../../core/api";
import { session } from "../../core/session.svelte";
import type { FileRow, Items, Page, Schema } from "../../core/types";

export type Checkout = Schema["CheckoutRow"];
export type Program = Checkout["program"];
export type CheckedIn = Schema["CheckedIn"];
export type How = Partial<Pick<Schema["CheckIn"], "if_changed" | "other_grid" | "note">>;
export type Form = "seg" | "rtstruct";
type SavedFile = Schema["SavedFile"];
type Imported = Schema["ImportedSegmentation"];

/** What can be edited: a file, and the image that a mask is looked at with. */
export interface Editable {
  id: number;
  name: string;
  reference?: number | undefined;
}

export const checkOut = (file: Editable, program: Program): Promise<Checkout> =>
  api.post(path("files", file.id, "checkout"), {
    program,
    reference_id: file.reference ?? null,
  });

export const listCheckouts = async (): Promise<Checkout[]> =>
  (await api.get<Items<Checkout>>("/checkouts", { project: session.project })).items;

export const checkIn = (one: Checkout, how: How = {}): Promise<CheckedIn> =>
  api.post(path("checkouts", one.key, "checkin"), how, { project: one.project });

export const release = (one: Checkout, discard: boolean): Promise<void> =>
  api.delete(path("checkouts", one.key), { project: one.project, discard });

export const exportDicom = (id: number, reference: number, form: Form): Promise<SavedFile> =>
  api.post(path("files", id, "dicom"), { reference_id: reference, form, if_changed: "new_name" });

export const importDicom = (id: number): Promise<Imported> =>
  api.post(path("files", id, "segments"), { if_changed: "new_name" });

/** Images of the study of a file that came from a series, those on its own grid first. */
export async function imagesFor(id: number): Promise<FileRow[]> {
  const file = await api.get<FileRow>(path("files", id));
  const where = path("projects", session.project, "files");
  const found = await api.get<Page<FileRow>>(where, { study_id: file.study_id, kind: "image" });
  const images = found.items.filter((one) => one.series !== null && !one.tags.includes("mask"));
  return images.sort((a, b) => Number(onGridOf(b, file)) - Number(onGridOf(a, file)));
}

const grid = ({ header }: FileRow): string =>
  JSON.stringify([header?.shape.slice(0, 3), header?.voxel_mm]);

export const onGridOf = (a: FileRow, b: FileRow): boolean => grid(a) === grid(b);
