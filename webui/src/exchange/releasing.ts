// The last look at what leaves: asked for before every export; a dialog only where it found something.
import { api, path } from "../core/api";
import { openDialog } from "../core/dialogs.svelte";
import { ApiError } from "../core/problem";
import { session } from "../core/session.svelte";
import { t } from "../core/strings";
import { attempt } from "../core/toast.svelte";
import type { FileRow, Schema } from "../core/types";
import ReleaseDialog from "./ReleaseDialog.svelte";

const REFUSED = "release_unconfirmed";
export type ReleaseCheck = Schema["ReleaseCheckView"];
export type Finding = ReleaseCheck["findings"][number];
export type Leaving = Partial<Schema["ReleaseCheckRequest"]> & {
  way: "bids" | "dicom" | "files";
};

/** Whether a person has to see what was found; notes alone hold nobody up. */
export const worthALook = (check: ReleaseCheck): boolean =>
  check.needed || check.findings.some((one) => one.severity !== "note");

/** Whether somebody has to say so before it leaves. */
export const mustAgree = (check: ReleaseCheck): boolean =>
  check.needed && check.confirmed_at === null;

export const tellsSomebody = (check: ReleaseCheck): boolean =>
  check.findings.some((one) => one.severity === "identifies");

/** Show what a refusal found, and try again once somebody has let it go; other errors are thrown. */
export async function askOnRefusal(
  project: string,
  error: unknown,
  again: () => Promise<void> | void,
): Promise<void> {
  const key = error instanceof ApiError ? error.problem.facts?.["check"] : null;
  if (!(error instanceof ApiError) || error.key !== REFUSED || typeof key !== "string") throw error;
  const found = await api
    .get<ReleaseCheck>(path("projects", project, "releases", "checks", key))
    .catch(() => {
      throw error; // who may not download may not see what was found either
    });
  openDialog(ReleaseDialog, { check: found, go: again });
}

/** Look at what would leave, then let it go; true when it went without a question. */
export async function leave(
  project: string,
  what: Leaving,
  go: () => Promise<void> | void,
): Promise<boolean> {
  let went = false;
  await attempt(async () => {
    const check = await api.post<ReleaseCheck>(
      path("projects", project, "releases", "checks"),
      what,
    );
    if (worthALook(check)) openDialog(ReleaseDialog, { check, go });
    else {
      await go();
      went = true;
    }
  }, t("release_failed"));
  return went;
}

/** Save one file as it is, after the last look at it. */
export async function takeFile(id: number): Promise<void> {
  await attempt(async () => {
    const project = session.project;
    const file = await api.get<FileRow>(path("files", id));
    const wish = { project, files: [id] };
    const made = await api.post<Schema["Download"]>("/downloads", wish);
    await leave(project, { way: "files", download: made.key }, () => {
      const link = document.createElement("a");
      link.href = file.content_url;
      link.download = file.name;
      link.click();
    });
  }, t("download"));
}
