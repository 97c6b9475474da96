import { defineConfig } from "vite";

import { addressesOf, policyOf } from "./policy.ts";

const addresses = addressesOf(process.env);

export default defineConfig({
  define: { __ADDRESSES__: JSON.stringify(addresses) },
  plugins: [
    {
      name: "policy",
      // Not for `vite dev`, whose client puts its code into the page itself.
      apply: "build",
      transformIndexHtml: () => [
        {
          tag: "meta",
          attrs: { "http-equiv": "Content-Security-Policy", content: policyOf(addresses) },
          injectTo: "head-prepend",
        },
      ],
    },
  ],
  server: { host: "localhost" }, // the Calling SDK refuses 127.0.0.1
  build: {
    target: "es2022",
    // The Calling SDK is one file of 5 MB, which is loaded only where it is used.
    chunkSizeWarningLimit: 6000,
    rolldownOptions: {
      // "use client" means nothing to a page that no server renders.
      onLog: (level, log, write) => {
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") write(level, log);
      },
    },
  },
});
