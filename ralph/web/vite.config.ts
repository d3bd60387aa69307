import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// Every file is served from Ralph's own address under a strict policy: nothing is inlined, nothing comes from elsewhere.
export default defineConfig({
  plugins: [svelte()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: "manifest.json",
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8420", "/health": "http://127.0.0.1:8420" } },
});
