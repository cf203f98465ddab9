import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { numRuns } from "./runs.js";
import { anyCommand } from "./writer-commands.js";
import { Stage } from "./writer-stage.js";

const RUNS = Math.ceil(numRuns / 4);

vi.setConfig({ testTimeout: 60_000 + 20_000 * RUNS });

it("W2 to W8, M5, M7: readers see what was acknowledged or is newer, whatever dies, fails or writes beside it", async () => {
  const tally = { data: 0, absent: 0, failed: 0 };
  await fc.assert(
    fc.asyncProperty(fc.commands([...anyCommand], { maxCommands: 12 }), async (commands) => {
      const stage = await Stage.start();
      try {
        await fc.asyncModelRun(() => ({ model: {}, real: stage }), commands);
        // With every provider back, nothing is lost and nothing stays under way.
        stage.fault = null;
        for (const device of [0, 1]) await stage.resume(device, "depth", null);
        await stage.check();
        for (const { writer } of stage.devices) {
          const left = (await writer.resume()).filter(({ outcome }) => outcome !== "interrupted");
          expect(left).toEqual([]);
        }
      } finally {
        await stage.close();
        for (const key of ["data", "absent", "failed"] as const) tally[key] += stage.tally[key];
      }
    }),
    { numRuns: RUNS },
  );
  expect(tally.data).toBeGreaterThan(tally.failed);
});
