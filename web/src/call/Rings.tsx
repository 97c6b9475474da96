import { Avatar, Body1, Button, Caption1, makeStyles, tokens } from "@fluentui/react-components";
import { CallEndRegular, CallRegular } from "@fluentui/react-icons";
import { useState } from "react";

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

/** What rings, above all else: a screen reader says it at once. */
export function Rings({ rings, calling, isInCall }: RingsProps) {
  const styles = useStyles();
  const [failure, setFailure] = useState<string | null>(null);
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
          <Avatar name={nameOf(ring)} color="colorful" size={48} aria-hidden />
          <div className={styles.words}>
            <Body1 block>
              <strong>{nameOf(ring)}</strong> is calling
            </Body1>
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

function nameOf({ displayName }: Ring): string {
  return displayName === "" ? "Somebody" : displayName;
}
