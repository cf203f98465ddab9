import type { S3Credentials } from "../../../src/storage/s3-credentials.js";

/** A running service that speaks S3, with one bucket. */
export interface S3Service extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly credentials: S3Credentials;
}
