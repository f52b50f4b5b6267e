import { defineConfig } from "vite";

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  server: { proxy: { "/api": process.env.SV_URL || "http://127.0.0.1:8099" } },
  build: {
    target: "es2021",
    modulePreload: false,
    cssCodeSplit: false,
    rollupOptions: {
      input: { app: "index.html", "events-worker": "src/events-worker.ts" },
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: (asset) => (asset.names[0]?.endsWith(".css") ? "app.css" : "[name][extname]"),
      },
    },
  },
});
