import { Avatar, Body1, Button, Caption1, makeStyles, tokens } from "@fluentui/react-components";
import { CallEndRegular, CallRegular } from "@fluentui/react-icons";
import { useEffect, useState } from "react";

import { friends } from "../api/client.ts";
import type { Calling, Ring } from "../calling/contract.ts";
import { messageOf } from "../home/usePolled.ts";

const useStyles = makeStyles({
  ring: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: tokens.spacingHorizontalM,
    padding: "16px 20px",
    borderRadius: "16px",
    backgroundColor: tokens.colorBrandBackground2,
    boxShadow: tokens.shadow16,
  },
  words: { flexGrow: 1 },
});

interface RingsProps {
  rings: Ring[];
  calling: Calling;
  isInCall: boolean;
}

/** The calls that ring, above everything else: a screen reader says them at once. */
export function Rings({ rings, calling, isInCall }: RingsProps) {
  const styles = useStyles();
  const [failure, setFailure] = useState<string | null>(null);
  const names = useNamesOfFriends(rings.length > 0);
  const answer = async (ring: Ring, accept: boolean) => {
    setFailure(null);
    try {
      await calling.answer(ring.id, accept);
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  return (
    <div role="alert">
      {failure !== null && <Body1>{failure}</Body1>}
      {rings.map((ring) => (
        <div key={ring.id} className={styles.ring}>
          <Avatar name={nameOf(ring, names)} color="colorful" size={48} aria-hidden />
          <div className={styles.words}>
            <Body1 block>
              <strong>{nameOf(ring, names)}</strong> is calling
            </Body1>
            {names !== null && !names.has(ring.user) && (
              <Caption1 block>They are not one of your friends. They chose this name.</Caption1>
            )}
            {isInCall && <Caption1>Leave this call before you answer.</Caption1>}
          </div>
          <Button
            appearance="primary"
            size="large"
            icon={<CallRegular />}
            disabled={isInCall}
            onClick={() => void answer(ring, true)}
          >
            Answer
          </Button>
          <Button size="large" icon={<CallEndRegular />} onClick={() => void answer(ring, false)}>
            Decline
          </Button>
        </div>
      ))}
    </div>
  );
}

/** Names of friends by ACS identity, because a caller may say any name. Null: not known yet. */
function useNamesOfFriends(isNeeded: boolean): Map<string, string> | null {
  const [names, setNames] = useState<Map<string, string> | null>(null);
  useEffect(() => {
    if (!isNeeded) return;
    friends().then(
      (all) => {
        const named = all.flatMap(({ id, displayName, communicationUserId: user }) =>
          user === undefined ? [] : [[user, displayName ?? id] as const],
        );
        setNames(new Map(named));
      },
      () => setNames(null), // then the page shows the name that the caller says
    );
  }, [isNeeded]);
  return names;
}

function nameOf({ user, displayName }: Ring, names: Map<string, string> | null): string {
  return names?.get(user) ?? (displayName === "" ? "Somebody" : displayName);
}
