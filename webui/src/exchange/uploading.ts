// Two ways to upload: into a study that is chosen, or to whom the data say they belong.
import { queryText } from "../core/api";

export type UploadMode = "native" | "study";

/** The page of uploads; one checked study (`PID#SID`) is the target, of several none is. */
export function addressOfUpload(mode: UploadMode, checked: readonly string[]): string {
  const one = mode === "study" && checked.length === 1 ? checked[0]! : "";
  const [subject, study] = one.split("#");
  return `/upload${queryText({ mode, subject: subject || null, study: study || null })}`;
}

/** What the address asks for; one that names a subject means it for everything. */
export function modeOf(query: URLSearchParams): UploadMode {
  const asked = query.get("mode");
  if (asked === "native" || asked === "study") return asked;
  return query.get("subject") ? "study" : "native";
}
