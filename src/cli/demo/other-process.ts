import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { unreachable } from "../../bytes/guards.js";
import { isJsonObject, type JsonObject, parseJson } from "../../bytes/json.js";

/** What a `hawser` in a process of its own answered. */
export interface Answer {
  readonly exitCode: number | null;
  /** The document that it printed. */
  readonly document: JsonObject;
}

/** How to call a `hawser` in a process of its own. */
export interface OtherProcess {
  /** Where it works, for configuration and state too: what the person at this machine has set up must not matter. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 60_000;
const main = fileURLToPath(new URL("../main.js", import.meta.url));

/** Runs `hawser ...words --json` in a process of its own, which shares nothing with this one but the network. */
export function runHawser({ directory, signal }: OtherProcess, words: readonly string[]): Promise<Answer> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("HAWSER_"));
  const env = { ...Object.fromEntries(inherited), XDG_CONFIG_HOME: directory, XDG_STATE_HOME: directory };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...words, "--json"], {
      cwd: directory,
      env,
      signal,
      timeout: TIMEOUT_MS,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const chunks: Uint8Array[] = [];
    child.stdout.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (exitCode) => {
      try {
        const document = parseJson(Buffer.concat(chunks), {
          fail: (reason) => new Error(`no JSON on stdout: ${reason}`),
        });
        resolve({ exitCode, document: isJsonObject(document) ? document : unreachable("stdout holds no object") });
      } catch (error) {
        reject(error instanceof Error ? error : new Error("no answer"));
      }
    });
  });
}
