import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate of a test's own making, in PEM, for `localhost` and 127.0.0.1. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  readonly fingerprint256: string;
}

/** Makes one by the `openssl` program; null where there is none. */
export function makeCertificate(): Certificate | null {
  const directory = mkdtempSync(join(tmpdir(), "hawser-certificate-"));
  const [keyFile, certFile] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const form = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  try {
    execFileSync("openssl", ["req", ...form, ...subject, "-keyout", keyFile, "-out", certFile], { stdio: "ignore" });
    const cert = readFileSync(certFile, "utf8");
    return { key: readFileSync(keyFile, "utf8"), cert, fingerprint256: new X509Certificate(cert).fingerprint256 };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
