import type { StorageReader, StoredKind, UrlReader } from "../ports.js";
import { objectReplicas, type Replica, recordReplicas } from "../route/replicas.js";

/** A replica as an audit asks it. */
export interface AuditPlace {
  readonly replica: Replica;
  readonly url: string | null;
  readonly isPublic: boolean;
}

/** Where an item may lie. */
export interface PlacesOfItem {
  readonly storage: readonly StorageReader[];
  readonly urlReader: UrlReader;
  readonly kind: StoredKind;
  readonly path: string;
  /** URLs of exactly this item. */
  readonly urls: readonly string[];
}

/**
 * Every replica of an item, each as strangers reach it: a provider by the public URL that it has for the path, under U1
 * and without its credentials. One without a URL, or with one of a scheme that nobody here opens, is asked itself.
 */
export function auditPlaces({ storage, urlReader, kind, path, urls }: PlacesOfItem): readonly AuditPlace[] {
  const places = { storage, urlReader, path, urls };
  const replicas = kind === "record" ? recordReplicas(places) : objectReplicas({ ...places, bases: [] });
  return replicas.map((replica): AuditPlace => {
    const { provider, label } = replica;
    if (provider === null) return { replica, url: label, isPublic: true };
    const url = urlOf(provider, path);
    const [published] = url === null ? [] : recordReplicas({ storage: [], urlReader, path, urls: [url] });
    if (published === undefined || (!published.opens && !/^https?:/i.test(published.label))) {
      return { replica, url, isPublic: false };
    }
    return { replica: { ...published, label, provider }, url, isPublic: true };
  });
}

function urlOf(provider: StorageReader, path: string): string | null {
  try {
    return provider.urlOf(path);
  } catch {
    return null;
  }
}
