import { electrum } from "../../../../src/chain/sources/electrum.js";

// Asks each server once, closes nothing, and prints what then keeps the process from ending.
for (const url of process.argv.slice(2)) await electrum(url).tip();
console.log(JSON.stringify(process.getActiveResourcesInfo()));
