import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { numRuns } from "./runs.js";
import { anyCommand, type Command, play } from "./writer-commands.js";

const RUNS = Math.ceil(numRuns / 4);

vi.setConfig({ testTimeout: 60_000 + 20_000 * RUNS });

it("W2 to W8, M5, M7: readers see what was acknowledged or is newer, whatever dies, fails or writes beside it", async () => {
  const tally = { data: 0, absent: 0, failed: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(anyCommand, { maxLength: 12, size: "max" }), async (history) => {
      const { data, absent, failed } = await play(history);
      tally.data += data;
      tally.absent += absent;
      tally.failed += failed;
    }),
    { numRuns: RUNS },
  );
  expect(tally.data).toBeGreaterThan(tally.failed);
});

/** Counterexamples that were found once, by what they came to. */
it.each<{ readonly what: string; readonly history: readonly Command[] }>([
  {
    what: "a put that dies once it is sent, and is overtaken by another device before it hears that it was mined",
    history: [
      { do: "put", id: "notes", device: 1, disturbance: { mode: "after", at: "source.broadcast" } },
      { do: "mine" },
      { do: "put", id: "notes", device: 0, disturbance: null },
    ],
  },
  {
    what: "a change that was signed and not sent, while another device dies once its own is sent and before it is mined",
    history: [
      { do: "add", data: "data 1", device: 0, disturbance: { mode: "before", at: "source.broadcast" } },
      { do: "put", id: "notes", device: 1, disturbance: { mode: "after", at: "source.broadcast" } },
    ],
  },
  {
    what: "a new route whose change was not sent, and a record put under it by a batch that sends both",
    history: [
      {
        do: "batch",
        ids: ["notes"],
        isLastDeleted: false,
        device: 0,
        disturbance: { mode: "before", at: "source.broadcast" },
      },
      { do: "batch", ids: ["notes"], isLastDeleted: false, device: 0, disturbance: null },
    ],
  },
])("M5, W3: readers see what was acknowledged or is newer: $what", async ({ history }) => {
  await play(history);
});
