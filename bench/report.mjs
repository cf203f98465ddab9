/** Prints a titled table with aligned columns. */
export function table(title, head, rows) {
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const print = (line) =>
    console.log(`  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ")}`);
  console.log(`\n${title}`);
  for (const line of lines) print(line);
}

/** Median seconds of `runs` timed calls after one that warms up. */
export async function medianSeconds(runs, call) {
  await call();
  const times = [];
  for (let i = 0; i < runs; i++) {
    const start = process.hrtime.bigint();
    await call();
    times.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)];
}

/** Times two calls in turn, so that a change of the machine's load meets both; medians in seconds. */
export async function medianPair(runs, first, second) {
  await first();
  await second();
  const times = [[], []];
  for (let i = 0; i < runs; i++) {
    for (const [list, call] of [
      [times[0], first],
      [times[1], second],
    ]) {
      const start = process.hrtime.bigint();
      await call();
      list.push(Number(process.hrtime.bigint() - start) / 1e9);
    }
  }
  return times.map((list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]);
}

export const ms = (seconds) => `${(seconds * 1000).toFixed(seconds < 0.01 ? 3 : 1)} ms`;
export const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
export const kb = (bytes) => `${(bytes / 1e3).toFixed(1)} kB`;
export const seconds = (value) => `${value.toFixed(value < 10 ? 2 : 1)} s`;
