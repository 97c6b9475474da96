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
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    // The next one waits for the answer: a slow service is not asked faster than it answers.
    const poll = async () => {
      if (!document.hidden) await reload();
      if (!isOver) timer = setTimeout(() => void poll(), seconds * 1000);
    };
    void reload().then(() => {
      if (!isOver) timer = setTimeout(() => void poll(), seconds * 1000);
    });
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [reload, seconds]);
  return { value, failure, reload };
}

/** What went wrong, for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "Something went wrong.";
}
