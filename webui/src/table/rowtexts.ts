// The texts of a row that need no more than the row itself.
import { moment } from "../core/format";
import { t, word } from "../core/strings";
import type { FileRow, JobCounts } from "../core/types";

export const jobTone = (jobs: JobCounts): string =>
  jobs.e ? "e" : jobs.r ? "r" : jobs.q ? "q" : jobs.d ? "d" : "none";
export const person = (sex: string | null, age: number | null): string =>
  [sex, age === null ? "" : Math.floor(age)].filter((part) => part !== "" && part).join(" ");
export const kindText = (file: FileRow): string => {
  const volumes = file.header?.n_volumes ?? 1;
  if (file.kind !== "image") return word("kind", file.kind);
  if (volumes > 1) return `${volumes} vol.`;
  return file.series?.modality ?? t("kind_image");
};
export function facts(file: FileRow): string {
  const { header } = file;
  const shape = header?.shape.length
    ? t("file_shape", {
        shape: header.shape.join(" × "),
        voxel: header.voxel_mm.map((mm) => Number(mm.toFixed(2))).join(" × "),
      })
    : "";
  const when = t("file_changed", { when: moment(file.mtime) });
  return [file.path, shape, file.series?.description, when].filter(Boolean).join("\n");
}
/** The file's own name stays whole if it is short; folders give way first. */
export const tailOf = (file: FileRow): number =>
  file.name.length < 20 ? file.name.length + 1 : 14;
const digits = (text: string | null): string => (text ?? "").replaceAll(/\D/g, "");
/** A name that only repeats the date says nothing. */
export const isDate = (sid: string, date: string | null): boolean =>
  sid === date || sid === digits(date);
/** Short codes are never cut; long ones give way to what stands beside them. */
export const least = (code: string): string => `max(9ch, min(88px, ${code.length + 1}ch))`;
