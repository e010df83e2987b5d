// Between an entry's intent and how a layer of the viewer looks, both ways.
import type { Layer, Role } from "../../viewer";
import { colourOf, hexOf, type Entry, type Intent } from "./preset";

type Look = Layer["look"];

/** The role that an entry gives to its files. */
export const roleOf = ({ intent }: Entry): Role =>
  intent.roi ? "labels" : intent.overlay ? "overlay" : "background";

/** What an intent says of the look of a layer; the rest stays as the viewer has it. */
export function lookOf(intent: Intent): Partial<Look> {
  const look: Partial<Look> = {};
  const colour = colourOf(intent.color);
  if (intent.cmap) look.colormap = intent.cmap;
  if (colour) look.colour = colour;
  if (intent.clim) look.limits = { low: intent.clim[0], high: intent.clim[1] };
  if (intent.gamma !== null) look.gamma = intent.gamma;
  if (intent.opacity !== null) look.opacity = intent.opacity;
  if (intent.outline !== null) look.outline = intent.outline;
  if (intent.visible !== null) look.visible = intent.visible;
  if (intent.posnegsym !== null) look.symmetric = intent.posnegsym;
  if (intent.blocky !== null) look.pixelated = intent.blocky;
  if (intent.time !== null) look.frame = intent.time;
  return look;
}

const differing = <T>(now: T, usual: T): T | null => (now === usual ? null : now);

/** What of a layer's look differs from what its role gives anyway. */
export function intentOf(layer: Layer, usual: Look): Partial<Intent> {
  const { look, role } = layer;
  return {
    overlay: role === "overlay",
    roi: role === "labels",
    cmap: differing(look.colormap, usual.colormap) ?? "",
    color: role === "labels" ? hexOf(look.colour) : "",
    clim: layer.windowed ? [look.limits.low, look.limits.high] : null,
    gamma: differing(look.gamma, usual.gamma),
    opacity: differing(look.opacity, usual.opacity),
    outline: differing(look.outline, usual.outline),
    visible: differing(look.visible, usual.visible),
    posnegsym: differing(look.symmetric, usual.symmetric),
    blocky: differing(look.pixelated, usual.pixelated),
    time: look.frame > 0 ? look.frame : null,
  };
}
