// Fetches a surface in the one form that 3D draws; the service has checked every index of it.
import { BASE, path } from "../core/api";
import { toApiError } from "../core/problem";
import type { FileRow } from "./types";

/** A surface of the service as a file of its own. */
export async function loadSurface(row: FileRow, signal: AbortSignal): Promise<File> {
  const url = `${BASE}${path("surfaces", row.id, `${row.name}.mz3`)}`;
  const answer = await fetch(url, { credentials: "same-origin", signal });
  if (!answer.ok) throw await toApiError(answer, `GET ${url}`);
  return new File([await answer.arrayBuffer()], `${row.name}.mz3`);
}
