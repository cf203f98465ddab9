/** How often each property runs: 25 by default, more in a nightly run. */
export const numRuns = Number(process.env["HAWSER_PROPERTY_RUNS"] ?? "25");
