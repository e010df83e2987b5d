// The right dock: tools register here, one is open at a time, and the choice is remembered.
import type { Component } from "svelte";
import { prefs, remember } from "./prefs.svelte";

export interface DockTool {
  id: string;
  title: string;
  /** Its name where there is room for it. */
  long?: string;
  /** An icon of the one family (Lucide component). */
  icon: Component;
  panel: Component;
  /** CSS colour variable of the tool's kind, e.g. "--roi". */
  tint?: string;
  /** Keys that open it, shown in the tooltip and bound by whoever registers the action. */
  key?: string;
  /** Order in the icon bar. */
  order?: number;
}

const state = $state<{ tools: DockTool[] }>({ tools: [] });

export function registerTool(tool: DockTool): () => void {
  const rest = state.tools.filter((one) => one.id !== tool.id);
  state.tools = [...rest, tool].sort((a, b) => (a.order ?? 50) - (b.order ?? 50));
  return () => {
    state.tools = state.tools.filter((one) => one.id !== tool.id);
  };
}

export const dock = {
  get tools(): DockTool[] {
    return state.tools;
  },
  get open(): DockTool | undefined {
    return state.tools.find((tool) => tool.id === prefs.dockTool);
  },
};

export function openTool(id: string): void {
  remember("dockTool", id);
}

export function closeTool(): void {
  remember("dockTool", "");
}

export function toggleTool(id: string): void {
  remember("dockTool", prefs.dockTool === id ? "" : id);
}
