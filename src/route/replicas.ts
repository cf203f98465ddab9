import type { StorageReader, StorageReadOptions, StoredBytes, StoredKind, UrlReader } from "../ports.js";
import { joinBase } from "./layout.js";

/** One place that may hold the bytes that are looked for. What it returns is untrusted. */
export interface Replica {
  /** The provider's label, or the URL. */
  readonly label: string;
  /** What its failures are counted under: the provider's label, or scheme and host of the URL. */
  readonly place: string;
  /** The configured provider behind it, or null for a URL out of a profile or route. */
  readonly provider: StorageReader | null;
  /** False for a URL that nothing here opens (U1): it is listed, never asked, and costs no request. */
  readonly opens: boolean;
  /** `null` means that the server said "absent". */
  read(options: StorageReadOptions): Promise<StoredBytes | null>;
}

/** Where to look for one path. */
export interface ReplicaPlaces {
  /** Configured providers; each is asked for `path`. */
  readonly storage: readonly StorageReader[];
  /** Opens URLs out of profiles and routes; null when the caller opens none. */
  readonly urlReader: UrlReader | null;
  /** Path of protocol section 10. */
  readonly path: string;
  /** URLs of exactly these bytes: a route's, or an entry's. */
  readonly urls: readonly string[];
}

/** Those of several places that keep a kind: the others are neither asked for it nor given it. Each is there once. */
export function keepersOf<P extends Pick<StorageReader, "kinds">>(
  places: readonly P[],
  kind: StoredKind,
): readonly P[] {
  return [...new Set(places)].filter(({ kinds }) => kinds === undefined || kinds.includes(kind));
}

/**
 * M8: the path on every configured provider and every URL of the route, without duplicates: a URL that a provider
 * publishes for this path is that provider. Configured providers come first, since a profile may name slow places.
 * One that does not keep records is not among them.
 */
export function recordReplicas(places: ReplicaPlaces): readonly Replica[] {
  return replicasOf(places, "record", places.urls);
}

/** As {@link recordReplicas}, and the path under each base URL of the profile's `storage`. */
export function objectReplicas(places: ReplicaPlaces & { readonly bases: readonly string[] }): readonly Replica[] {
  return replicasOf(places, "object", [...places.urls, ...places.bases.map((base) => joinBase(base, places.path))]);
}

function replicasOf(
  { storage, urlReader, path }: ReplicaPlaces,
  kind: StoredKind,
  urls: readonly string[],
): readonly Replica[] {
  const providers = keepersOf(storage, kind);
  const published = new Set(providers.map((provider) => orElse(null, () => provider.urlOf(path))));
  const others = [...new Set(urls)].filter((url) => !published.has(url));
  return [
    ...providers.map((provider) => providerReplica(provider, path)),
    ...others.map((url) => urlReplica(urlReader, url)),
  ];
}

/** A URL that an implementation chokes on concerns that URL alone, not the read. */
function orElse<T>(fallback: T, run: () => T): T {
  try {
    return run();
  } catch {
    return fallback;
  }
}

/** A path on one provider. */
export function providerReplica(provider: StorageReader, path: string): Replica {
  const { label } = provider;
  return { label, place: label, provider, opens: true, read: (options) => provider.read(path, options) };
}

function urlReplica(urlReader: UrlReader | null, url: string): Replica {
  const place = /^[^:]*:(?:\/\/[^/?]*)?/.exec(url)?.[0] ?? url;
  if (urlReader === null || !orElse(false, () => urlReader.opens(url))) {
    return { label: url, place, provider: null, opens: false, read: () => Promise.resolve(null) };
  }
  return {
    label: url,
    place,
    provider: null,
    opens: true,
    read: async (options) => {
      const bytes = await urlReader.readUrl(url, options);
      return bytes === null ? null : { bytes, tag: null };
    },
  };
}
