/** What runs in a page: the contract of providers, over providers that the page opens itself. */
import { http } from "hawser/storage/http";
import { ipfsGateway } from "hawser/storage/ipfs-gateway";
import { kubo } from "hawser/storage/kubo";
import { presigned } from "hawser/storage/presigned";
import { s3 } from "hawser/storage/s3";
import { webdav } from "hawser/storage/webdav";
import { storageContract } from "hawser/testing";

/** How each kind is opened at a place of a server; `hawserSign` stands for the application's server. */
const providers = {
  http: ({ url }, place) => http(`${url}/${place}`, { writable: true }),
  webdav: ({ url, credentials, staged }, place) => webdav(`${url}/${place}`, { credentials, staged }),
  s3: (options, place) => s3({ ...options, prefix: place }),
  presigned: ({ url, conditional }, place) =>
    presigned({
      publicBaseUrl: `${url}/${place}`,
      conditional,
      sign: ({ method, path, kind, condition }) => globalThis.hawserSign(place, { method, path, kind, condition }),
    }),
  kubo: ({ url }) => kubo(url),
  // A gateway only reads: what is there for it to read is written by the node's RPC.
  ipfs: ({ url, gatewayUrl }) => {
    const node = kubo(url);
    const gateway = ipfsGateway(gatewayUrl);
    return Object.assign(Object.create(gateway), {
      conditional: node.conditional,
      read: (path, options) => gateway.read(path, options),
      write: (path, body, options) => node.write(path, body, options),
      remove: (path, options) => node.remove(path, options),
    });
  },
};

globalThis.hawserProgram = {
  /** Runs a case of the contract; gives nothing, or what is wrong. */
  async check({ name, kind, server, refused, stopped, kinds, secrets }) {
    const open = providers[kind];
    const over = (given) => (given === undefined ? undefined : () => open(given, "failing"));
    const cases = storageContract({
      open: (place) => open(server, place),
      openRefused: over(refused),
      openStopped: over(stopped),
      kinds,
      secrets,
    });
    const found = cases.find((one) => one.name === name);
    if (found === undefined) return `there is no case ${name}`;
    return found.run().then(
      () => "",
      (error) => String(error),
    );
  },
};
