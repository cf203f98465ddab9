import type { CallOptions } from "../../ports.js";
import { assertSameOrigin, type HttpHeaders, parseHttpBase, resolveHeaders } from "../../runtime/http-base.js";
import { fetchHttp, type HttpAnswer, statusError } from "../../runtime/http-client.js";
import { HEADER_BYTES } from "../header.js";
import { assertWholeHeaders, invalidFile, type RangeReader } from "./header-file-range.js";

const CONTENT_RANGE = /^bytes ([0-9]{1,15})-([0-9]{1,15})\/([0-9]{1,15}|\*)$/;

export interface HttpHeaderFileOptions {
  readonly headers: HttpHeaders | undefined;
  /** Of a file that comes whole. */
  readonly maxBytes: number;
}

/** A header file at an `http:` or `https:` URL. @throws INPUT_URL_INVALID */
export function httpHeaderFile(fileUrl: string, options: HttpHeaderFileOptions): RangeReader {
  return new HttpHeaderFile(fileUrl, options);
}

class HttpHeaderFile implements RangeReader {
  readonly label: string;
  readonly #url: string;
  readonly #options: HttpHeaderFileOptions;
  readonly #checkRedirect: (next: URL) => void;
  /** Of a server that cannot send a part: else each part would cost the whole file again. */
  #whole: Uint8Array | null = null;

  constructor(fileUrl: string, options: HttpHeaderFileOptions) {
    const base = parseHttpBase(fileUrl);
    this.label = base.label;
    this.#url = fileUrl;
    this.#options = options;
    this.#checkRedirect = (next) => {
      assertSameOrigin(base, next);
    };
  }

  async read(offset: number, length: number, { signal }: CallOptions): Promise<Uint8Array> {
    const kept = this.#whole?.slice(offset, offset + length);
    if (kept !== undefined && kept.length > 0) return kept;
    const answer = await fetchHttp({
      url: new URL(this.#url),
      shownUrl: this.#url,
      // A browser sends this without preflight, and every runtime then asks for a body that is not compressed.
      headers: {
        ...(await resolveHeaders(this.#options.headers, "GET")),
        range: `bytes=${offset}-${offset + length - 1}`,
      },
      cache: "no-store",
      signal,
      maxBytes: Math.max(length, this.#options.maxBytes),
      bodyStatuses: [200, 206],
      checkRedirect: this.#checkRedirect,
    });
    const { status } = answer;
    if (status === 416) return new Uint8Array(0);
    if (status !== 200 && status !== 206) throw statusError(this.#url, status, "not a header file");
    const encoding = answer.header("content-encoding") ?? "identity";
    if (encoding !== "identity") throw invalidFile(this.#url, `its body is compressed (${encoding.slice(0, 20)})`);
    if (status === 206) return this.#part(offset, length, answer);
    assertWholeHeaders(this.#url, answer.bytes.length);
    this.#whole = answer.bytes;
    return answer.bytes.slice(offset, offset + length);
  }

  #part(offset: number, length: number, { bytes, header }: HttpAnswer): Uint8Array {
    if (bytes.length > length) throw invalidFile(this.#url, `${bytes.length} bytes instead of ${length}`);
    const sent = header("content-range");
    // Browsers do not show it without the server's permission; what the bytes are then shows in the verification alone.
    if (sent === null) assertWholeHeaders(this.#url, bytes.length);
    else {
      const [, from, to, total] = CONTENT_RANGE.exec(sent) ?? [];
      if (Number(from) !== offset || Number(to) !== offset + bytes.length - 1) {
        throw invalidFile(this.#url, `another part than was asked for, or not all of it (${sent.slice(0, 60)})`);
      }
      if (total !== "*") assertWholeHeaders(this.#url, Number(total));
    }
    // A server may send less than it was asked for, down to a part of a header.
    return bytes.subarray(0, bytes.length - (bytes.length % HEADER_BYTES));
  }
}
