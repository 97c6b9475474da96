import type { Addresses } from "../policy.ts";

declare const __ADDRESSES__: Addresses;

/** Where the page's services are, as it was built. */
export const ADDRESSES: Addresses = __ADDRESSES__;
