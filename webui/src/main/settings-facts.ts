// Single facts out of the list of settings.
import type { Setting } from "../core/types-jobs";

export const valueOf = (settings: readonly Setting[], key: string): unknown =>
  settings.find((one) => one.key === key)?.value;

/** The first watched folder, or the default one below the data folder. */
export function dropFolder(settings: readonly Setting[]): string {
  const folders = valueOf(settings, "watch.folders");
  const first: unknown = Array.isArray(folders) ? folders[0] : null;
  if (first && typeof first === "object" && "path" in first) return String(first.path);
  const data = valueOf(settings, "data.path");
  return typeof data === "string" ? `${data}/drop` : "";
}
