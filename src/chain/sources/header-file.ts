import { assertInteger, invalidArgument } from "../../bytes/guards.js";
import { limits } from "../../limits.js";
import type { HeaderSource } from "../../ports.js";
import type { HttpHeaders } from "../../runtime/http-base.js";
import { HEADER_BYTES } from "../header.js";
import { getNetwork, type NetworkId } from "../network.js";
import { httpHeaderFile } from "./header-file-http.js";
import { invalidFile, type RangeReader } from "./header-file-range.js";

/** Options of {@link headerFile}. */
export interface HeaderFileOptions {
  /** Of which the headers are said to be. */
  readonly network: NetworkId;
  /** Height of the first header in the file. Default: the one above the network's checkpoint. */
  readonly start?: number | undefined;
  /** Name in results. Default: host and path of the URL, or the path. */
  readonly label?: string | undefined;
  /** Credentials and other request headers, sent to the URL's origin only. In browsers they cause a preflight. */
  readonly headers?: HttpHeaders | undefined;
  /** bytes - most that is read from a server that cannot send a part of the file. Default 32 MiB. */
  readonly maxBytes?: number | undefined;
}

/**
 * Headers out of a file: 80 bytes each, consecutive, nothing else, as `hawser headers export` writes it. The file lies at
 * an `http:` or `https:` URL on any static host that answers range requests, or, in Node, at a path or `file:` URL.
 *
 * Nothing of it is trusted: every header is verified, and counts only up to the last one that a chain source has as well.
 * So it may be old, end early or be damaged. Redirects are followed within the origin of the URL only. A browser needs
 * CORS permission of the server, and sees `Content-Range` only where the server exposes it; it is checked where it is
 * seen.
 *
 * `headers` throws `NETWORK_UNREACHABLE`, `NETWORK_STATUS`, `NETWORK_TOO_LARGE`, `NETWORK_HOST_REFUSED`,
 * `NETWORK_ABORTED`, `NETWORK_ANSWER_INVALID` (a compressed or cut body, a length that is no multiple of 80, no header at
 * that height), and for paths `INPUT_FILE_UNUSABLE`.
 *
 * @throws INPUT_INVALID, INPUT_URL_INVALID
 */
export function headerFile(urlOrPath: string, options: HeaderFileOptions): HeaderSource {
  if (typeof urlOrPath !== "string" || urlOrPath === "") {
    throw invalidArgument("urlOrPath", "a URL or a path", urlOrPath);
  }
  const { checkpoint } = getNetwork(options.network);
  const { start: first = checkpoint.height + 1, maxBytes = limits.headerFileMaxBytes } = options;
  assertInteger("start", first, 0, checkpoint.height + 1);
  assertInteger("maxBytes", maxBytes, HEADER_BYTES);
  const file = /^https?:/i.test(urlOrPath)
    ? httpHeaderFile(urlOrPath, { headers: options.headers, maxBytes })
    : diskHeaderFile(urlOrPath);
  return {
    label: options.label ?? file.label,
    async headers(start, count, call = {}) {
      assertInteger("start", start);
      assertInteger("count", count, 1);
      const at = start - first;
      const bytes = at < 0 ? new Uint8Array(0) : await file.read(at * HEADER_BYTES, count * HEADER_BYTES, call);
      if (bytes.length === 0) throw invalidFile(file.label, `no header at height ${start}`);
      return bytes;
    },
  };
}

function diskHeaderFile(place: string): RangeReader {
  return {
    label: place,
    async read(offset, length, options) {
      // Browsers have no files, and bundles for them nothing that reads one.
      const { readFileRange } = await import("#header-file");
      return readFileRange(place, offset, length, options);
    },
  };
}
