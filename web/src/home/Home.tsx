import { makeStyles, tokens } from "@fluentui/react-components";

import type { Calling } from "../calling/contract.ts";
import { Bots } from "./Bots.tsx";
import { Friends } from "./Friends.tsx";
import { GroupCalls } from "./GroupCalls.tsx";
import type { PageProps } from "./SignedInPage.tsx";

const useStyles = makeStyles({
  columns: {
    display: "grid",
    gap: tokens.spacingHorizontalXL,
    gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 380px), 1fr))",
    alignItems: "start",
  },
  column: { display: "grid", gap: tokens.spacingHorizontalXL },
});

/** `canCall`: whether this window is connected. */
export interface HomeProps extends PageProps {
  calling: Calling;
  canCall: boolean;
}

export function Home(props: HomeProps) {
  const styles = useStyles();
  return (
    <div className={styles.columns}>
      <div className={styles.column}>
        <Friends {...props} />
        <Bots {...props} />
      </div>
      <GroupCalls {...props} />
    </div>
  );
}
