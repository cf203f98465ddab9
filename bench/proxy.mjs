import { createServer, request } from "node:http";

// Every server sits behind a proxy that adds the same delay to each answer, so that requests which wait for one
// another do not overlap in time: the longest row of such requests is the number of sequential round trips.
export const DELAY_MS = 40;

/** Every request since the last {@link measured} began. */
export const log = [];

/** A server that passes requests on to `target`. It never closes a connection that is idle. */
export async function proxy(target, delayMs = DELAY_MS) {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const entry = { url: `${urlOf(server)}${incoming.url}`, start: performance.now(), end: 0, bytes: 0 };
    log.push(entry);
    const forward = request(
      { hostname, port, path: incoming.url, method: incoming.method, headers: incoming.headers, agent: false },
      (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("end", () => {
          const body = Buffer.concat(chunks);
          setTimeout(() => {
            entry.end = performance.now();
            entry.bytes = body.length;
            outgoing.writeHead(answer.statusCode, answer.headers).end(body);
          }, delayMs);
        });
      },
    );
    incoming.pipe(forward);
  });
  server.keepAliveTimeout = 0;
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: urlOf(server), close: () => server.closeAllConnections() ?? server.close() };
}

function urlOf(server) {
  return `http://127.0.0.1:${server.address().port}`;
}

/** The longest row of requests that did not overlap. */
function roundTrips(entries) {
  let count = 0;
  let lastEnd = Number.NEGATIVE_INFINITY;
  for (const { start, end } of [...entries].sort((a, b) => a.end - b.end)) {
    if (start < lastEnd) continue;
    count++;
    lastEnd = end;
  }
  return count;
}

/** What a call asked of the servers. */
export async function measured(call) {
  log.length = 0;
  const start = performance.now();
  await call();
  const seconds = (performance.now() - start) / 1000;
  const entries = [...log];
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return {
    requests: entries.length,
    sequential: roundTrips(entries),
    bytes,
    seconds,
    urls: entries.map(({ url }) => url),
  };
}
