// Door of the viewer: the component that fills its box, its status line, and the one `viewer`.
export { default as Viewer } from "./ViewerRoot.svelte";
export { default as ViewerStatus } from "./ViewerStatus.svelte";
export { viewer } from "./viewer.svelte";
export type { PointerAt, PointerTool } from "./viewer.svelte";
export type { ViewerState } from "./readout";
export type { Layer } from "./layer.svelte";
export { LAYOUTS } from "./layouts";
export type { Layout } from "./layouts";
export { PRESETS } from "./windowing";
export { isReadable, kindOfName, roleFor } from "./roles";
export type { Workstate } from "./workstate";
export type { FileRow, Limits, PlaneName, Readout, Role, ViewKind } from "./types";
