import { defineConfig } from "vite";

// One file for a <script>: FiftyOne loads it as it is, and React is the App's own.
export default defineConfig({
  build: {
    outDir: process.env.OUT_DIR ?? "../plugins/fathomnet/assets",
    emptyOutDir: false,
    copyPublicDir: false,
    target: "es2022",
    minify: true,
    sourcemap: false,
    lib: {
      entry: "src/index.ts",
      formats: ["iife"],
      name: "FathomNetReview",
      fileName: () => "review.js",
    },
    rollupOptions: {
      external: ["react"],
      output: { globals: { react: "React" } },
    },
  },
});
