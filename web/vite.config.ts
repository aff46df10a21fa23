import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** The shell is loaded by the entry as soon as it runs: let the browser fetch it beside the entry. */
function preloadShell(): Plugin {
  return {
    name: 'gala-preload-shell',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        const chunks = Object.values(bundle ?? {}).filter((output) => output.type === 'chunk');
        const shell = chunks.find((chunk) => chunk.name === 'main' && chunk.isDynamicEntry);
        const files = shell ? [shell.fileName, ...shell.imports] : [];
        const loaded = files.filter((file) => !html.includes(file));
        const styles = [...(shell?.viteMetadata?.importedCss ?? [])];
        return [
          ...loaded.map((file) => link({ rel: 'modulepreload', crossorigin: true, href: `./${file}` })),
          ...styles.map((file) => link({ rel: 'stylesheet', href: `./${file}` })),
        ];
      },
    },
  };
}

function link(attrs: Record<string, string | boolean>) {
  return { tag: 'link', attrs, injectTo: 'head' as const };
}

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative addresses: the page may be served below any base path.
  base: './',
  plugins: [react(), preloadShell()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    // No data: URLs but small pictures: fonts and scripts come from the own origin only.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // mpegts.js alone is larger than the first load; it is a chunk of its own.
    chunkSizeWarningLimit: 400,
  },
});
