// Dialogs opened from menus and actions; the frame draws the one that is open.
import type { Component } from "svelte";

interface OpenDialog {
  component: Component<Record<string, unknown>>;
  props: Record<string, unknown>;
}

const state = $state<{ open: OpenDialog | null }>({ open: null });

/** Open a dialog; its component gets `onclose` besides the given properties. */
export function openDialog<P extends { onclose: () => void }>(
  component: Component<P>,
  props: Omit<P, "onclose">,
): void {
  state.open = {
    component: component as unknown as OpenDialog["component"],
    props: { ...props, onclose: closeDialog },
  };
}

export function closeDialog(): void {
  state.open = null;
}

export function openedDialog(): OpenDialog | null {
  return state.open;
}
