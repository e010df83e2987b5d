// Tools that see pointer events before the viewer: asked in turn, the one with its pens on first.
import { untrack } from "svelte";
import type { PointerAt, PointerTool } from "./tools";

let tools: readonly PointerTool[] = $state.raw([]);
/** The tool whose gesture is going on. */
let holder: PointerTool | null = null;
let watching = false;

const inTurn = (): PointerTool[] =>
  [...tools].sort((a, b) => Number(b.active ?? false) - Number(a.active ?? false));

/** Whoever switches its pens on switches those of all others off. */
function oneAtATime(): void {
  let before: readonly PointerTool[] = [];
  $effect(() => {
    const on = tools.filter((one) => one.active);
    const fresh = on.find((one) => !before.includes(one));
    before = on;
    if (fresh) untrack(() => on.forEach((one) => one !== fresh && one.stop?.()));
  });
}

/** Let a tool see the pointer; returns what takes it away. */
export function registerPointer(tool: PointerTool): () => void {
  if (!watching) $effect.root(oneAtATime);
  watching = true;
  tools = [...tools.filter((one) => one !== tool), tool];
  return () => {
    tools = tools.filter((one) => one !== tool);
  };
}

/** All tools as one. */
export const pointers = {
  get cursor(): string {
    return inTurn().find((one) => one.cursor)?.cursor ?? "";
  },
  down(at: PointerAt): boolean {
    holder = inTurn().find((one) => one.down(at)) ?? null;
    return holder !== null;
  },
  move(at: PointerAt): void {
    if (at.pressed) holder?.move?.(at);
    else for (const one of tools) one.move?.(at);
  },
  up(at: PointerAt | null): void {
    holder?.up?.(at);
    holder = null;
  },
  leave(): void {
    for (const one of tools) one.leave?.();
  },
  wheel: (event: WheelEvent): boolean => inTurn().some((one) => one.wheel?.(event)),
  double: (at: PointerAt): boolean => inTurn().some((one) => one.double?.(at)),
};
