import { FluentProvider, webDarkTheme, webLightTheme } from "@fluentui/react-components";
import { useCallback, useState, useSyncExternalStore } from "react";

import { SignedInPage } from "./home/SignedInPage.tsx";
import { forgetSignIn, type SignedIn } from "./signIn/signIn.ts";
import { SignInScreen } from "./signIn/SignInScreen.tsx";

const dark = matchMedia("(prefers-color-scheme: dark)");

function subscribe(listener: () => void): () => void {
  dark.addEventListener("change", listener);
  return () => dark.removeEventListener("change", listener);
}

/** `trouble`: why a sign-in that came back to the page has failed. */
export function App(props: { signedIn: SignedIn | null; trouble: string | null }) {
  const isDark = useSyncExternalStore(subscribe, () => dark.matches);
  const [person, setPerson] = useState(props.signedIn);
  const [trouble, setTrouble] = useState(props.trouble);
  const signedOut = useCallback((because: string) => {
    void forgetSignIn();
    setTrouble(because);
    setPerson(null);
  }, []);
  return (
    <FluentProvider
      theme={isDark ? webDarkTheme : webLightTheme}
      style={{ background: "transparent", minHeight: "100%" }}
    >
      {person ? (
        <SignedInPage person={person} signedOut={signedOut} />
      ) : (
        <SignInScreen trouble={trouble} />
      )}
    </FluentProvider>
  );
}
