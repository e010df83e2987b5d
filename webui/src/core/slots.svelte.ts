// Places of the frame where tools put themselves: the top bar, a strip above the images, over them.
import type { Component } from "svelte";

type Slot = "toolbar" | "strip" | "cover";

let plugged = $state.raw<Record<Slot, readonly Component[]>>({ toolbar: [], strip: [], cover: [] });

/** Put a component there; returns what takes it away. */
export function plugInto(slot: Slot, component: Component): () => void {
  plugged = { ...plugged, [slot]: [...plugged[slot], component] };
  return () => {
    plugged = { ...plugged, [slot]: plugged[slot].filter((one) => one !== component) };
  };
}

export const pluggedInto = (slot: Slot): readonly Component[] => plugged[slot];
