import {
  Button,
  makeStyles,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  Spinner,
  tokens,
} from "@fluentui/react-components";
import { useEffect, useState, useSyncExternalStore } from "react";

import { callingToken } from "../api/client.ts";
import { CallScreen } from "../call/CallScreen.tsx";
import { Rings } from "../call/Rings.tsx";
import type { Calling } from "../calling/contract.ts";
import { openCalling } from "../calling/open.ts";
import { SignedOut, type SignedIn } from "../signIn/signIn.ts";
import { Header } from "./Header.tsx";
import { Home } from "./Home.tsx";

const useStyles = makeStyles({
  page: {
    minHeight: "100vh",
    display: "flex",
    flexDirection: "column",
    boxSizing: "border-box",
  },
  main: {
    flexGrow: 1,
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalL,
    width: "100%",
    maxWidth: "1080px",
    margin: "0 auto",
    padding: tokens.spacingHorizontalXXL,
    boxSizing: "border-box",
  },
});

export interface PageProps {
  person: SignedIn;
  signedOut: (because: string) => void;
}

export function SignedInPage({ person, signedOut }: PageProps) {
  const styles = useStyles();
  const calling = useCalling(person, signedOut);
  return (
    <div className={styles.page}>
      <Header person={person} signedOut={signedOut} />
      <main className={styles.main}>
        {calling ? (
          <Calls calling={calling} person={person} signedOut={signedOut} />
        ) : (
          <Spinner label="Connecting" />
        )}
      </main>
    </div>
  );
}

function Calls({ calling, signedOut, person }: PageProps & { calling: Calling }) {
  const { connection, rings, call } = useSyncExternalStore(calling.view.subscribe, calling.view.get);
  const isInCall = call !== null && call.state !== "ended";
  return (
    <>
      {connection.state === "lost" && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>{connection.because} This window tries again by itself.</MessageBarBody>
        </MessageBar>
      )}
      {connection.state === "closed" && (
        <MessageBar intent="error" layout="multiline">
          <MessageBarBody>
            {connection.because} Nobody can call you in this window until you connect again.
          </MessageBarBody>
          <MessageBarActions>
            <Button onClick={() => calling.reconnect()}>Connect again</Button>
          </MessageBarActions>
        </MessageBar>
      )}
      <Rings rings={rings} calling={calling} isInCall={isInCall} />
      {call?.state === "ended" && (
        <MessageBar intent="info">
          <MessageBarBody>{call.reason}</MessageBarBody>
          <MessageBarActions>
            <Button onClick={() => calling.dismiss()}>Close</Button>
          </MessageBarActions>
        </MessageBar>
      )}
      {call !== null && isInCall ? (
        <CallScreen call={call} calling={calling} />
      ) : (
        <Home
          calling={calling}
          canCall={connection.state === "ready"}
          person={person}
          signedOut={signedOut}
        />
      )}
    </>
  );
}

function useCalling(person: SignedIn, signedOut: (because: string) => void): Calling | null {
  const [calling, setCalling] = useState<Calling | null>(null);
  useEffect(() => {
    let opened: Calling | null = null;
    let isOver = false;
    const tokenSource = async () => {
      try {
        return await callingToken();
      } catch (error) {
        if (error instanceof SignedOut) signedOut(error.message);
        throw error;
      }
    };
    void openCalling(person.displayName, tokenSource).then((made) => {
      if (isOver) made.close();
      else setCalling((opened = made));
    });
    return () => {
      isOver = true;
      opened?.close();
      setCalling(null);
    };
  }, [person, signedOut]);
  return calling;
}
