import { originOfPlane } from "../../policy.ts";
import { ADDRESSES } from "../addresses.ts";
import type { Calling, TokenSource } from "./contract.ts";

/** Open the implementation that the page was built for. Only that one is loaded. */
export async function openCalling(displayName: string, tokens: TokenSource): Promise<Calling> {
  const { calling } = ADDRESSES;
  if (calling === "acs") {
    const { AcsCalling } = await import("./acs/agent.ts");
    return new AcsCalling(displayName, tokens);
  }
  const { LocalCalling } = await import("./local/plane.ts");
  return new LocalCalling(calling, originOfPlane(calling), displayName, tokens);
}
