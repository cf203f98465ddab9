import type { StorageProvider, StorageReader, StorageReadOptions, StoredBytes, UrlReader } from "../../../src/ports.js";

type Answer = (options: StorageReadOptions) => Promise<unknown>;

/** A reader that answers every path with whatever `answer` does, also what no honest reader does. */
export function readerThat(label: string, answer: Answer, baseUrl: string | null = null): StorageReader {
  return {
    label,
    publicBaseUrl: baseUrl,
    urlOf: (path) => (baseUrl === null ? null : `${baseUrl}/${path}`),
    read: (_path, options) => answer(options) as Promise<StoredBytes | null>,
  };
}

/** A reader that has these bytes at every path; null: the server says absent. */
export function serves(label: string, bytes: Uint8Array | null): StorageReader {
  return readerThat(label, async () => (bytes === null ? null : { bytes, tag: null }));
}

/** A reader that fails. */
export function fails(label: string, error: unknown = new Error("boom")): StorageReader {
  return readerThat(label, async () => {
    throw error;
  });
}

/** A reader that never answers and ignores its signal. */
export function hangs(label: string): StorageReader {
  return readerThat(label, () => new Promise(() => undefined));
}

/** A URL reader that opens `https:` URLs and answers from a map; what is not in it is absent. */
export function urlsWith(contents: Readonly<Record<string, Uint8Array>>): UrlReader & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    opens: (url) => url.startsWith("https:"),
    readUrl: async (url) => {
      asked.push(url);
      return contents[url] ?? null;
    },
  };
}

/** A provider whose methods may be replaced one by one. */
export function wrapped(provider: StorageProvider, changes: Partial<StorageProvider>): StorageProvider {
  return {
    label: changes.label ?? provider.label,
    publicBaseUrl: provider.publicBaseUrl,
    conditional: changes.conditional ?? provider.conditional,
    ...(changes.kinds === undefined ? {} : { kinds: changes.kinds }),
    ...(changes.open === undefined ? {} : { open: changes.open }),
    urlOf: (path) => provider.urlOf(path),
    read: changes.read ?? ((path, options) => provider.read(path, options)),
    write:
      changes.write ??
      ((path, body, options) => {
        if (changes.conditional !== false) return provider.write(path, body, options);
        return provider.write(path, body, { kind: options.kind, signal: options.signal });
      }),
    remove: changes.remove ?? ((path, options) => provider.remove(path, options)),
  };
}
