/**
 * `hawser/testing`: what every implementation of a port must do, ours and others', as cases for any test runner.
 * Needs no platform but the web's: the cases run in Node and in a browser.
 */
export { type CacheContractOptions, cacheContract } from "./cache.js";
export type { ContractCase } from "./contract.js";
export { type StorageContractOptions, storageContract } from "./storage.js";
export type { FailingProviders } from "./storage-errors.js";
