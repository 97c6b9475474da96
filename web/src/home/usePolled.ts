import { useCallback, useEffect, useState } from "react";

import { SignedOut } from "../signIn/signIn.ts";

export interface Polled<T> {
  /** Null until it is known. */
  value: T | null;
  /** Why the last try failed, as a sentence. */
  failure: string | null;
  reload: () => Promise<void>;
}

/** Load now and every few seconds while the window is visible. `load` is the same at each render. */
export function usePolled<T>(
  load: () => Promise<T>,
  seconds: number,
  signedOut: (because: string) => void,
): Polled<T> {
  const [value, setValue] = useState<T | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const reload = useCallback(async () => {
    try {
      setValue(await load());
      setFailure(null);
    } catch (error) {
      if (error instanceof SignedOut) signedOut(error.message);
      else setFailure(messageOf(error));
    }
  }, [load, signedOut]);
  useEffect(() => {
    void reload();
    const timer = setInterval(() => {
      if (!document.hidden) void reload();
    }, seconds * 1000);
    return () => clearInterval(timer);
  }, [reload, seconds]);
  return { value, failure, reload };
}

/** What went wrong, for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "Something went wrong.";
}
