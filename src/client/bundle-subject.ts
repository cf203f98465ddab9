import { type Network, networks } from "../chain/network.js";
import { HawserError } from "../errors.js";
import { isName, type Name } from "../name/name.js";
import { type Bundle, bundleInvalid } from "./bundle-form.js";

/**
 * A bundle of another network would be refused by its headers too; this says why.
 *
 * @throws BUNDLE_INVALID, CHAIN_NETWORK_MISMATCH
 */
export function assertBundleNetwork({ network: given }: Bundle, { id }: Network): void {
  if (given === id) return;
  const known = Object.values(networks).find((network) => network.id === given);
  if (known === undefined) throw bundleInvalid("it is of a network that nobody here knows");
  const found = [{ source: "bundle", network: known.id, genesisHash: known.genesisHash }];
  throw new HawserError("CHAIN_NETWORK_MISMATCH", `The bundle is of ${known.id}, expected ${id}.`, {
    expected: id,
    found,
  });
}

/** The name that a bundle is of, which is `wanted` where one is. @throws BUNDLE_INVALID */
export function readBundleName({ name }: Bundle, wanted: Name | undefined): Name {
  if (!isName(name)) throw bundleInvalid("its name is none");
  if (wanted !== undefined && name !== wanted) throw bundleInvalid("it is of another name");
  return name;
}
