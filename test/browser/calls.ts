import type { BrowserContext, Frame, Page } from "playwright-core";

/** Opens a page, and fails with what its console says when an error is there that no call caught. */
export async function openPage(context: BrowserContext, url: string, frame = 0): Promise<Page> {
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(url);
  const ready = page.frames()[frame]?.waitForFunction("'hawserProgram' in globalThis", undefined, { timeout: 20_000 });
  await ready?.catch((cause: unknown) => {
    throw new Error(`${url} does not start: ${problems.join("; ")}`, { cause });
  });
  return page;
}

/** Makes a call of `program.mjs` in a page or frame. */
export async function call(where: Page | Frame, name: string, parameters: object = {}): Promise<unknown> {
  await where.waitForFunction("'hawserProgram' in globalThis");
  return where.evaluate(`hawserProgram[${JSON.stringify(name)}](${JSON.stringify(parameters)})`);
}
