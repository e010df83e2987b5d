// Door of the viewer: the component that fills its box, its status line, and the one `viewer`.
export { default as Viewer } from "./ViewerRoot.svelte";
export { default as ViewerTools } from "./ViewerTools.svelte";
export { default as ViewerStatus } from "./ViewerStatus.svelte";
export {
  layerActionsOf,
  registerLayerActions,
  registerOverlay,
  registerOverlay3d,
  registerPanel,
  registerShotActions,
} from "./plugins.svelte";
export type { LayerAction, Overlay3dProps, OverlayProps } from "./plugins.svelte";
export { registerPointer } from "./pointers.svelte";
export { viewer } from "./viewer.svelte";
export type { PointerAt, PointerTool } from "./tools";
export type { ViewerState } from "./readout";
export { Layer } from "./layer.svelte";
export { MASK_COLOURS } from "./colormaps";
export type { Length } from "./lengths";
export { inMm, lengthOf, lengthText, markOf, unitOf } from "./lengths";
export { loadFile, loadUrl } from "./load";
export { parseHeader } from "./nifti";
export type { StoredArray } from "./nifti";
export type { Shot } from "./screenshot";
export { carried, LAYER } from "./dropping";
export { screenToWorld, worldToScreen } from "./planes";
export type { View } from "./planes";
export type { Placed3d, Projection3d } from "./pose3d";
export type { Viewport } from "./viewport.svelte";
export { Volume } from "./volume";
export type { VoxelBox } from "./volume";
export { LAYOUTS } from "./layouts";
export type { Layout } from "./layouts";
export { PRESETS } from "./windowing";
export { isReadable, kindOfName, roleFor } from "./roles";
export type { Workstate } from "./workstate";
export type { FileRow, Limits, PlaneName, Readout, Role, ViewKind } from "./types";
