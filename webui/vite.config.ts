import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const service = process.env.NORA_URL ?? "http://127.0.0.1:8181";

const out = process.env.NORA_WEBUI_OUT ?? here("../appliance/web/static");

/** The manual travels with the page, so that it works in an installed wheel and offline. */
const manual: Plugin = {
  name: "manual",
  apply: "build",
  closeBundle: () => cpSync(here("./manual"), `${out}/manual`, { recursive: true }),
};

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), manual],
  resolve: {
    alias: { $core: here("./src/core") },
    // Component tests need the browser build of Svelte.
    ...(mode === "test" ? { conditions: ["browser"] } : {}),
  },
  build: {
    outDir: out,
    emptyOutDir: true,
    target: "es2022",
    // The service's content policy forbids inline scripts and data: workers.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
  },
  worker: { format: "es" },
  server: { proxy: { "/api": service, "/schema": service } },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.ts"],
    restoreMocks: true,
  },
}));
