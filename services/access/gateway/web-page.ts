import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The one HTML page of the application, ready to send. */
export interface WebPage {
  readonly html: Buffer;
  /** Strong validator (RFC 9110, 8.8.3). */
  readonly etag: string;
}

/** Reads `index.html`, points its `<base>` at the base path, and reads it again when the file changed. */
export class WebPageSource {
  readonly #file: string;
  readonly #basePath: string;
  #page: (WebPage & { readonly modifiedMs: number }) | undefined;

  constructor(folder: string, basePath: string) {
    this.#file = join(folder, 'index.html');
    this.#basePath = basePath;
  }

  /** Undefined while the pages are not built. */
  async get(): Promise<WebPage | undefined> {
    try {
      const { mtimeMs } = await stat(this.#file);
      if (this.#page?.modifiedMs !== mtimeMs) this.#page = await this.#read(mtimeMs);
      return this.#page;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return undefined;
    }
  }

  async #read(modifiedMs: number): Promise<WebPage & { readonly modifiedMs: number }> {
    const source = await readFile(this.#file, 'utf8');
    const html = Buffer.from(source.replace(/<base href="[^"]*"/, `<base href="${this.#basePath}/"`));
    const etag = `"${createHash('sha256').update(html).digest('base64url').slice(0, 22)}"`;
    return { html, etag, modifiedMs };
  }
}

/** What stands in for the page until it is built: says how. */
export const unbuiltPage = Buffer.from(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Gala</title></head>
<body>
<h1>Gala runs, its web pages are not built</h1>
<p>Build them in the folder of the repository and load this page again:</p>
<pre>npx vite build web</pre>
<p>The API is up: <a href="v1/openapi.json">its OpenAPI document</a>, <a href="v1/rooms">the live rooms</a>.</p>
</body>
</html>
`);
