// The request for a CSV of the table as it is filtered now.
import type { Query } from "../core/api";
import { toQuery, type Filters } from "./query";
import type { TableRequest } from "./take";

type Choice = Pick<TableRequest, "form" | "separator" | "ids">;
const STUDY = "subject sex subject_tags study date age_years description modalities study_tags";
const MORE = "files size_bytes jobs_queued jobs_running jobs_error jobs_done";
const COLUMNS: Record<TableRequest["level"] & string, string> = {
  subjects: "subject sex subject_tags studies files last_date",
  studies: `${STUDY} ${MORE}`,
  files: `${STUDY} ${MORE} file kind file_bytes changed file_tags shape voxel_mm`,
};

const studyQuery = (filters: Filters): Query => toQuery({ ...filters, level: "studies" });

/** Rows as filtered; chosen columns come beside those that are always written. */
export function exportRequest(filters: Filters, choice: Choice): Partial<TableRequest> {
  const level = filters.level === "analysis" ? "studies" : filters.level;
  // Files are written study by study, so their study answers the bars at every level but the first.
  const query =
    level === "files" ? { ...studyQuery(filters), files: filters.files } : toQuery(filters);
  const text = (key: string): string => String(query[key] ?? "");
  const further = filters.columns.filter(
    (column) => !column.startsWith("meta:") || level !== "subjects",
  );
  return {
    level,
    ...choice,
    columns: further.length ? [...COLUMNS[level].split(" "), ...further] : [],
    name: text("name"),
    files: text("files"),
    description: text("description"),
    tags: text("tags"),
    jobs: text("jobs"),
    date_from: text("date_from") || null,
    date_to: text("date_to") || null,
  };
}
