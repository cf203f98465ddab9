import { createServer } from "node:http";
import { getObject } from "../dist/immutable/get.js";
import { contentKey } from "../dist/immutable/key.js";
import { ReadBudget } from "../dist/route/budget.js";
import { StoragePolicy } from "../dist/route/policy.js";
import { systemClock } from "../dist/runtime/clock.js";
import { systemRandom } from "../dist/runtime/random.js";
import { http } from "../dist/storage/http.js";
import { ms, table } from "./report.mjs";

const OBJECTS = 45;
const FAST_MS = 5;
const SLOW_MS = 3_000;

/** A store that has every object, and answers after a while. */
async function store(delayMs, objects) {
  const server = createServer((request, response) => {
    setTimeout(() => response.end(objects.get(request.url.split("/").at(-1))), delayMs);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => server.closeAllConnections() || server.close(),
  };
}

const objects = new Map(
  Array.from({ length: OBJECTS }, (_, i) => {
    const bytes = new Uint8Array(1024).fill(i % 251);
    new DataView(bytes.buffer).setUint32(0, i);
    return [contentKey(bytes), bytes];
  }),
);
const stores = await Promise.all([SLOW_MS, FAST_MS, FAST_MS].map((delayMs) => store(delayMs, objects)));
const [slow, ...fast] = stores.map(({ url }, i) => http(url, { label: `store ${i}` }));

const read = async (storage, key, policy) => {
  const content = { size: 1024, type: null, name: null, urls: null };
  const budget = new ReadBudget({ clock: systemClock });
  await getObject({ key, content, storage, urlReader: null, bases: [], clock: systemClock, budget, policy });
};
const bare = async (storage, key) => {
  const url = storage[0] === slow ? stores[0].url : stores[1].url;
  await (await fetch(`${url}/objects/${key.slice(0, 2)}/${key}`)).arrayBuffer();
};

/** The slow store stands first for every third object, as it would if objects were spread over the stores. */
const orderOf = (i) => (i % 3 === 0 ? [slow, ...fast] : [fast[i % 2], slow, fast[(i + 1) % 2]]);

const policyOf = (options) => new StoragePolicy(options, systemRandom);
const ways = [
  ["bare fetch of the first store", bare, undefined],
  ["one store after the other", read, policyOf({ hedgeMaxInFlight: 1 })],
  ["a second one beside it, defaults", read, policyOf({})],
  ["a second one after 50 ms", read, policyOf({ hedgeDelayMs: 50, hedgeMinDelayMs: 50 })],
];
const times = ways.map(() => []);
// In turn, so that a change of the machine's load meets all of them.
for (const [i, key] of [...objects.keys()].entries()) {
  for (const [way, [, call, policy]] of ways.entries()) {
    const start = performance.now();
    await call(orderOf(i), key, policy);
    times[way].push((performance.now() - start) / 1000);
  }
}
const at = (list, share) =>
  [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.ceil(list.length * share) - 1)];
const mean = (list) => list.reduce((sum, one) => sum + one, 0) / list.length;
const base = times[1];
table(
  `${OBJECTS} objects of 1 KiB from 3 stores, one of which takes ${SLOW_MS} ms and the others ${FAST_MS}; slow first for a third`,
  ["read", "p50", "p90", "p99", "mean", "mean, of one after the other"],
  ways.map(([name], way) => [
    name,
    ...[0.5, 0.9, 0.99].map((share) => ms(at(times[way], share))),
    ms(mean(times[way])),
    `${((100 * mean(times[way])) / mean(base)).toFixed(0)} %`,
  ]),
);
for (const { close } of stores) close();
process.exit(0);
