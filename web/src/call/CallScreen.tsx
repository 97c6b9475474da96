import {
  Body1,
  Button,
  Caption1,
  makeStyles,
  MessageBar,
  MessageBarBody,
  Spinner,
  tokens,
} from "@fluentui/react-components";
import {
  CallEndRegular,
  MicOffRegular,
  MicRegular,
  VideoOffRegular,
  VideoRegular,
} from "@fluentui/react-icons";
import { useState } from "react";

import type { Call, Calling, CallState } from "../calling/contract.ts";
import { messageOf } from "../home/usePolled.ts";
import { Keypad } from "./Keypad.tsx";
import { Tile } from "./Tile.tsx";

const useStyles = makeStyles({
  call: { display: "flex", flexDirection: "column", flexGrow: 1, gap: tokens.spacingVerticalL },
  tiles: {
    flexGrow: 1,
    display: "grid",
    gap: tokens.spacingHorizontalL,
    gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 340px), 1fr))",
    alignContent: "center",
  },
  waiting: { flexGrow: 1, display: "grid", placeItems: "center" },
  controls: {
    alignSelf: "center",
    display: "flex",
    flexWrap: "wrap",
    justifyContent: "center",
    gap: tokens.spacingHorizontalS,
    padding: "12px 16px",
    borderRadius: "20px",
    backgroundColor: tokens.colorNeutralBackground1,
    boxShadow: tokens.shadow16,
  },
  leave: {
    color: "#fff",
    backgroundColor: tokens.colorPaletteRedBackground3,
    ":hover": { color: "#fff", backgroundColor: tokens.colorPaletteRedForeground1 },
  },
});

const WAITING: Partial<Record<CallState, string>> = {
  ringing: "It rings",
  connecting: "Connecting",
  lobby: "You are in the lobby. Somebody in the meeting lets you in.",
};

export function CallScreen({ call, calling }: { call: Call; calling: Calling }) {
  const styles = useStyles();
  const [failure, setFailure] = useState<string | null>(null);
  const act = (what: Promise<void>) => {
    setFailure(null);
    what.catch((error: unknown) => setFailure(messageOf(error)));
  };
  const waiting = WAITING[call.state];
  const isAlone = call.state === "connected" && call.people.length < 2;
  return (
    <section className={styles.call} aria-label="Call" data-state={call.state}>
      {[failure, call.trouble].map(
        (words) =>
          words !== null && (
            <MessageBar key={words} intent="warning" layout="multiline">
              <MessageBarBody>{words}</MessageBarBody>
            </MessageBar>
          ),
      )}
      {waiting !== undefined ? (
        <div className={styles.waiting}>
          <Spinner size="large" label={waiting} labelPosition="below" />
        </div>
      ) : (
        <div className={styles.tiles}>
          {call.people.map((person) => (
            <Tile key={person.key} person={person} isSilent={call.isOnHold} />
          ))}
        </div>
      )}
      <div role="status">
        {call.isOnHold && <Body1 block>You are on hold: nobody sees or hears you.</Body1>}
        {isAlone && <Body1 block>You are the only one here. Others can join.</Body1>}
        {call.played !== null && (
          <Body1 block>
            <strong>You hear:</strong> {call.played}
          </Body1>
        )}
      </div>
      <div className={styles.controls} role="toolbar" aria-label="This call">
        <Button
          size="large"
          aria-pressed={call.isMuted}
          icon={call.isMuted ? <MicOffRegular /> : <MicRegular />}
          onClick={() => act(calling.setMuted(!call.isMuted))}
        >
          {call.isMuted ? "Unmute" : "Mute"}
        </Button>
        <Button
          size="large"
          aria-pressed={!call.isCameraOn}
          icon={call.isCameraOn ? <VideoRegular /> : <VideoOffRegular />}
          onClick={() => act(calling.setCamera(!call.isCameraOn))}
        >
          {call.isCameraOn ? "Camera off" : "Camera on"}
        </Button>
        <Keypad press={(key) => act(calling.press(key))} />
        <Button
          size="large"
          className={styles.leave}
          icon={<CallEndRegular />}
          onClick={() => act(calling.leave())}
        >
          Leave
        </Button>
      </div>
      {call.isGroup && (
        <Caption1>
          Everybody who knows the id of this call can join it, also after it was unshared.
        </Caption1>
      )}
    </section>
  );
}
