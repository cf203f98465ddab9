import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The machine's Chromium, or null where there is none. `HAWSER_CHROMIUM` names another. In CI it must be there. */
export function findChromium(): string | null {
  const found = [process.env["HAWSER_CHROMIUM"] ?? "", ...PATHS].find((path) => path !== "" && existsSync(path));
  if (found !== undefined) return found;
  if (process.env["CI"] !== undefined) throw new Error("Chromium is missing, and CI must not skip its tests.");
  return null;
}

const options = (executablePath: string) => ({
  executablePath,
  headless: true,
  // Small /dev/shm, as in containers, crashes tabs.
  args: ["--disable-dev-shm-usage"],
});

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch(options(executablePath));
}

/** A browser that keeps what pages store in `directory`. */
export function launchWithProfile(executablePath: string, directory: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(directory, options(executablePath));
}
