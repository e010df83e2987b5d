// What tools add to viewports: drawings over the image and buttons on the bars of layers.
import type { Component } from "svelte";
import type { Layer } from "./layer.svelte";
import type { View } from "./planes";
import type { Projection3d } from "./pose3d";
import type { Shot } from "./screenshot";
import type { Viewport } from "./viewport.svelte";

/** Given to a component that a tool draws over every 2D viewport. */
export interface OverlayProps {
  viewport: Viewport;
  view: View;
}

/** Given to a component that a tool draws over every 3D viewport. */
export interface Overlay3dProps {
  viewport: Viewport;
  projection: Projection3d;
}

/** Given to a component that stands once in every viewport, above its pictures. */
export interface PanelProps {
  viewport: Viewport;
}

/** A button on the bar of a layer. */
export interface LayerAction {
  id: string;
  label: string;
  icon: Component<{ size?: number; strokeWidth?: number }>;
  pressed?: boolean;
  run: (event: MouseEvent) => void;
}

/** A button on a viewport that does something with its picture. */
export interface ShotAction {
  id: string;
  label: string;
  icon: Component<{ size?: number; strokeWidth?: number }>;
  run: (shot: Shot) => void;
}

type ShotsOf = (viewport: Viewport) => ShotAction[];
type ActionsOf = (layer: Layer, viewport: Viewport) => LayerAction[];

interface Plugged {
  overlays: readonly Component<OverlayProps>[];
  overlays3d: readonly Component<Overlay3dProps>[];
  panels: readonly Component<PanelProps>[];
  actions: readonly ActionsOf[];
  shots: readonly ShotsOf[];
}

let plugged = $state.raw<Plugged>({
  overlays: [],
  overlays3d: [],
  panels: [],
  actions: [],
  shots: [],
});

/** Draw a component over every 2D viewport; returns what takes it away. */
export function registerOverlay(component: Component<OverlayProps>): () => void {
  plugged = { ...plugged, overlays: [...plugged.overlays, component] };
  return () => {
    plugged = { ...plugged, overlays: plugged.overlays.filter((one) => one !== component) };
  };
}

/** Draw a component over every 3D viewport; returns what takes it away. */
export function registerOverlay3d(component: Component<Overlay3dProps>): () => void {
  plugged = { ...plugged, overlays3d: [...plugged.overlays3d, component] };
  return () => {
    plugged = { ...plugged, overlays3d: plugged.overlays3d.filter((one) => one !== component) };
  };
}

/** Put a component into every viewport; returns what takes it away. */
export function registerPanel(component: Component<PanelProps>): () => void {
  plugged = { ...plugged, panels: [...plugged.panels, component] };
  return () => {
    plugged = { ...plugged, panels: plugged.panels.filter((one) => one !== component) };
  };
}

/** Offer buttons on the bars of layers; returns what takes them away. */
export function registerLayerActions(actions: ActionsOf): () => void {
  plugged = { ...plugged, actions: [...plugged.actions, actions] };
  return () => {
    plugged = { ...plugged, actions: plugged.actions.filter((one) => one !== actions) };
  };
}

/** Offer what is done with a picture of a viewport; returns what takes it away. */
export function registerShotActions(shots: ShotsOf): () => void {
  plugged = { ...plugged, shots: [...plugged.shots, shots] };
  return () => {
    plugged = { ...plugged, shots: plugged.shots.filter((one) => one !== shots) };
  };
}

export const panels = (): readonly Component<PanelProps>[] => plugged.panels;

export const overlays = (): readonly Component<OverlayProps>[] => plugged.overlays;

export const overlays3d = (): readonly Component<Overlay3dProps>[] => plugged.overlays3d;

export const layerActionsOf: ActionsOf = (layer, viewport) =>
  plugged.actions.flatMap((actions) => actions(layer, viewport));

export const shotActionsOf: ShotsOf = (viewport) =>
  plugged.shots.flatMap((shots) => shots(viewport));
