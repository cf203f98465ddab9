import { HawserError } from "../errors.js";
import { parseHttpBase } from "../runtime/http-base.js";

/** Where a bucket is. */
export interface S3PlaceOptions {
  /** 3 to 63 lower-case letters, digits, dots and hyphens. */
  readonly bucket: string;
  /** Folder within the bucket, for example `sites/alice`. Default: the bucket's root. */
  readonly prefix?: string | undefined;
  /** URL of the service, without the bucket. Default: that of Amazon S3 for the region. */
  readonly endpoint?: string | undefined;
  /** Default: the one in the host name of `endpoint` where that has one, `auto` for R2, else `us-east-1`. */
  readonly region?: string | undefined;
  /**
   * Whether the bucket stands in the path or in the host name. Default: in the host name at Amazon for buckets without a
   * dot, else in the path.
   */
  readonly style?: "path" | "virtual-hosted" | undefined;
}

/** A bucket, or a folder in it. */
export interface S3Place {
  readonly region: string;
  /** Host, bucket and prefix. */
  readonly label: string;
  /** ms - that the service wants between two writes of one key. */
  readonly minWriteGapMs: number;
  /** The URL of a path of the layout. */
  readonly urlOf: (path: string) => URL;
}

// Services whose host names tell the region that requests have to be signed for.
const REGION_IN_HOST = /^s3[.-]([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|backblazeb2\.com|wasabisys\.com)$/;
const R2_HOST = /\.r2\.cloudflarestorage\.com$/;
// ms - R2 takes one write a second and key, and answers 429 to more.
const R2_WRITE_GAP_MS = 1_000;
const AMAZON_HOST = /\.amazonaws\.com(?:\.cn)?$/;

/** @throws INPUT_CONFIG_INVALID, INPUT_URL_INVALID for an endpoint that is no plain http: or https: URL */
export function parseS3Place(options: S3PlaceOptions): S3Place {
  const { bucket, prefix = "", style } = options;
  assertBucket(bucket);
  const folder = parsePrefix(prefix);
  const givenRegion = options.region;
  if (givenRegion !== undefined && !/^[A-Za-z0-9_-]{1,64}$/.test(givenRegion)) {
    throw invalidSetting("region", "not 1 to 64 letters, digits, hyphens and underscores");
  }
  const base = parseHttpBase(options.endpoint ?? amazonEndpoint(givenRegion ?? "us-east-1"));
  const endpoint = new URL(base.href);
  // What is signed is the path as it is sent, and these are sent as they are.
  if (!/^[A-Za-z0-9._~/-]*$/.test(endpoint.pathname)) {
    throw invalidSetting("endpoint", "its path has other characters than letters, digits and . _ ~ - /");
  }
  const hasDot = bucket.includes(".");
  const onAmazon = AMAZON_HOST.test(endpoint.hostname);
  if ((style ?? (onAmazon && !hasDot ? "virtual-hosted" : "path")) === "virtual-hosted") {
    // A certificate for *.s3.amazonaws.com does not cover a name with a further dot.
    if (hasDot && endpoint.protocol === "https:") {
      throw invalidSetting("style", "a bucket with a dot in its name cannot be part of an https: host name");
    }
    if (/^[0-9.]+$|^\[/.test(endpoint.hostname)) throw invalidSetting("style", "the endpoint is a numeric address");
    endpoint.hostname = `${bucket}.${endpoint.hostname}`;
  } else {
    endpoint.pathname += `${bucket}/`;
  }
  endpoint.pathname += folder.map((segment) => `${encodeSegment(segment)}/`).join("");
  const root = endpoint.href;
  const host = new URL(base.href).hostname;
  return {
    region: givenRegion ?? regionOf(host),
    minWriteGapMs: R2_HOST.test(host) ? R2_WRITE_GAP_MS : 0,
    label: `${endpoint.host}${decodeURIComponent(endpoint.pathname).replace(/\/$/, "")}`,
    urlOf: (path) => new URL(`${root}${path.split("/").map(encodeSegment).join("/")}`),
  };
}

/** SigV4 for S3: all but letters, digits and `-._~` is percent-encoded, once. The URL parser leaves that as it is. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function amazonEndpoint(region: string): string {
  return `https://s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
}

function regionOf(host: string): string {
  if (R2_HOST.test(host)) return "auto";
  return REGION_IN_HOST.exec(host)?.[1] ?? "us-east-1";
}

function assertBucket(bucket: string): void {
  const isName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) && !/\.[.-]|-\./.test(bucket);
  if (!isName || /^[0-9]+(?:\.[0-9]+){3}$/.test(bucket)) {
    throw invalidSetting(
      "bucket",
      "not a bucket name: 3 to 63 of a-z 0-9 . - that begin and end with a letter or digit",
    );
  }
}

function parsePrefix(prefix: string): readonly string[] {
  if (prefix === "") return [];
  const segments = prefix.replace(/\/$/, "").split("/");
  const isFolder = segments.every(
    (segment) => /^[A-Za-z0-9._~!@+=,-]+$/.test(segment) && segment !== "." && segment !== "..",
  );
  if (!isFolder || prefix.length > MAX_PREFIX_BYTES) {
    throw invalidSetting(
      "prefix",
      `not a folder of up to ${MAX_PREFIX_BYTES} bytes: segments of letters, digits and . _ ~ ! @ + = , - joined by /`,
    );
  }
  return segments;
}

// bytes - keys have 1024 at most, and the longest path of the layout is far shorter than the rest.
const MAX_PREFIX_BYTES = 512;

/** An option that cannot be used. The value is not shown. */
export function invalidSetting(setting: string, reason: string): HawserError<"INPUT_CONFIG_INVALID"> {
  return new HawserError("INPUT_CONFIG_INVALID", `The setting ${setting} cannot be used: ${reason}.`, {
    setting,
    reason,
  });
}
