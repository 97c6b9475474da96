import { useCallback, useState } from "react";

import { SignedOut } from "../signIn/signIn.ts";
import { messageOf } from "./usePolled.ts";

export interface Doing {
  /** Whether something is being done: buttons wait for it. */
  isBusy: boolean;
  /** Why the last thing failed, as a sentence. */
  failure: string | null;
  /** Do something that the person has asked for; tell them if it fails. */
  run: (what: () => Promise<void>) => Promise<void>;
}

export function useDo(signedOut: (because: string) => void): Doing {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const run = useCallback(
    async (what: () => Promise<void>) => {
      setBusy(true);
      setFailure(null);
      try {
        await what();
      } catch (error) {
        if (error instanceof SignedOut) signedOut(error.message);
        else setFailure(messageOf(error));
      } finally {
        setBusy(false);
      }
    },
    [signedOut],
  );
  return { isBusy, failure, run };
}
