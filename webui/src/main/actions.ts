// The frame's own actions: pages, palette, look, panels. Keys and palette both come from here.
import { registerActions, type Action } from "../core/actions.svelte";
import { closeTool, dock, toggleTool } from "../core/dock.svelte";
import { prefs, remember } from "../core/prefs.svelte";
import { navigate, router } from "../core/router.svelte";
import { leave } from "../core/leaving";
import { chooseProject, may, session } from "../core/session.svelte";
import { t } from "../core/strings";
import { attempt } from "../core/toast.svelte";
import { addressOfUpload, type UploadMode } from "../exchange/uploading";
import { selection } from "../table/selection.svelte";
import { PAGES } from "./pages";

interface Frame {
  palette: () => void;
  help: () => void;
  newProject: () => void;
}

const onDesktop = (): boolean => router.page === "";

export function toggleTheme(): void {
  const light = document.documentElement.dataset["theme"] === "light";
  remember("theme", light ? "dark" : "light");
}

/** All of the screen for the page, and back. */
export function toggleFullscreen(): void {
  const change = document.fullscreenElement
    ? document.exitFullscreen()
    : document.documentElement.requestFullscreen();
  void attempt(() => change);
}

function focusSoon(selector: string): void {
  if (!onDesktop()) navigate("/");
  if (prefs.tableMode === "hidden") remember("tableMode", "side");
  setTimeout(() => document.querySelector<HTMLElement>(selector)?.focus(), 30);
}

const toggleTable = (): void =>
  remember("tableMode", prefs.tableMode === "hidden" ? "side" : "hidden");

function pages(): Action[] {
  return PAGES.map((page) => ({
    id: `page.${page.id || "desktop"}`,
    label: page.label,
    context: "global",
    group: t("group_pages"),
    keys: [page.key, page.letter].filter((key) => key !== undefined),
    run: () => navigate(page.path),
  }));
}

function look(frame: Frame): Action[] {
  const action = (id: string, label: string, keys: string[], run: () => void): Action => ({
    id,
    label,
    keys,
    run,
    context: "global",
    group: t("group_look"),
  });
  return [
    { ...action("palette", t("key_palette"), ["Ctrl+K"], frame.palette), keysOnly: true },
    action("keys", t("key_help"), ["?"], frame.help),
    action("focus.table", t("key_focus_table"), ["Ctrl+Shift+E"], () => focusSoon("[role=tree]")),
    action("focus.search", t("key_search"), ["/"], () => focusSoon("#file-search")),
    action("table", t("key_toggle_table"), ["Ctrl+B"], toggleTable),
    action("dock.close", t("key_toggle_dock"), ["Esc"], closeTool),
    action("theme", t("theme_toggle"), [], toggleTheme),
    action("fullscreen", t("fullscreen"), [], toggleFullscreen),
  ];
}

function project(frame: Frame): Action[] {
  const group = t("group_project");
  return [
    { id: "project.new", label: t("project_new"), context: "global", group, run: frame.newProject },
    ...session.projects.map((one): Action => ({
      id: `project.${one.name}`,
      label: one.name,
      detail: t("n_studies", { n: one.n_studies }),
      context: "global",
      group,
      run: () => chooseProject(one.name),
    })),
    {
      id: "signout",
      label: t("sign_out"),
      context: "global",
      run: () => void attempt(leave),
    },
  ];
}

function tools(): Action[] {
  return dock.tools.map((tool) => ({
    id: `tool.${tool.id}`,
    label: tool.title,
    context: "global",
    group: t("group_tools"),
    ...(tool.key ? { keys: [tool.key] } : {}),
    run: () => {
      if (!onDesktop()) navigate("/");
      toggleTool(tool.id);
    },
  }));
}

/** The two uploads, for those who may; the checked study is the target of the first. */
export function uploadItems(): { label: string; run: () => void }[] {
  if (!may("editor")) return [];
  const item = (label: string, mode: UploadMode) => ({
    label,
    run: () => navigate(addressOfUpload(mode, [...selection.studies.keys()])),
  });
  return [item(t("upload_menu_chosen"), "study"), item(t("upload_menu_native"), "native")];
}

const uploads = (): Action[] =>
  uploadItems().map((one, n) => ({ ...one, id: `upload.${n}`, context: "global" }));

/** Register all of them; called again whenever projects or tools change. */
export function frameActions(frame: Frame): () => void {
  return registerActions([...pages(), ...tools(), ...uploads(), ...look(frame), ...project(frame)]);
}
