import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isDhtSignature } from "../../../src/storage/dht-item.js";
import { eventually } from "./daemon.js";

/** What is used of bittorrent-dht, which has no types. */
interface Node {
  readonly nodes: { toArray(): readonly { readonly id: Uint8Array; readonly port: number }[] };
  removeNode(id: Uint8Array): void;
  addNode(node: { readonly host: string; readonly port: number }): void;
  listen(port: number, address: string, done: () => void): void;
  address(): { readonly port: number };
  on(event: "node", listener: (node: { readonly id: Uint8Array; readonly port: number }) => void): void;
  put(
    item: object,
    done: (error: { readonly code?: number; readonly message: string } | null, key: unknown, nodes: number) => void,
  ): void;
  get(key: Uint8Array, options: object, done: (error: unknown, found: Record<string, unknown> | null) => void): void;
  destroy(done: () => void): void;
}

/** Nodes of a DHT of their own on loopback: bittorrent-dht of npm, in this process. */
export interface DhtNetwork extends AsyncDisposable {
  /** `host:port` of each node. */
  readonly bootstrap: readonly string[];
  readonly nodes: readonly Node[];
  /** Adds a node. */
  join(): Promise<Node>;
  /** Ends a node. */
  leave(node: Node): Promise<void>;
  stop(): Promise<void>;
}

/** Starts so many nodes that know each other. */
export async function startDht(count: number): Promise<DhtNetwork> {
  // @ts-expect-error: it has no types.
  const { default: Dht } = (await import("bittorrent-dht")) as { readonly default: new (options: object) => Node };
  const nodes: Node[] = [];
  const ports = new Set<number>();
  const join = async (): Promise<Node> => {
    const node = new Dht({
      bootstrap: nodes.map((other) => ({ host: "127.0.0.1", port: other.address().port })),
      timeout: 400,
      verify: (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => isDhtSignature(key, message, signature),
    });
    // BEP43: a node that says that it is read-only is not remembered; bittorrent-dht does not know that.
    node.on("node", ({ id, port }) => {
      setImmediate(() => {
        if (!ports.has(port)) node.removeNode(id);
      });
    });
    await new Promise<void>((resolve) => node.listen(0, "127.0.0.1", resolve));
    ports.add(node.address().port);
    nodes.push(node);
    await eventually("the nodes to know each other", async () => {
      for (const [one, other] of nodes.flatMap((a) => nodes.map((b) => [a, b] as const))) {
        const { port } = other.address();
        if (one === other || one.nodes.toArray().some((known) => known.port === port)) continue;
        one.addNode({ host: "127.0.0.1", port });
        return false;
      }
      return true;
    });
    return node;
  };
  for (let i = 0; i < count; i++) await join();
  const leave = async (node: Node): Promise<void> => {
    nodes.splice(nodes.indexOf(node), 1);
    await new Promise<void>((resolve) => node.destroy(resolve));
  };
  const stop = async (): Promise<void> => {
    while (nodes[0] !== undefined) await leave(nodes[0]);
  };
  return {
    get bootstrap() {
      return nodes.map((node) => `127.0.0.1:${node.address().port}`);
    },
    nodes,
    join,
    leave,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A UDP port of loopback on which nobody listens. */
export async function silentPort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}
