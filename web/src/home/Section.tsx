import {
  Card,
  makeStyles,
  MessageBar,
  MessageBarBody,
  Subtitle2,
  tokens,
} from "@fluentui/react-components";
import type { ReactNode } from "react";

const useStyles = makeStyles({
  card: {
    padding: "24px",
    rowGap: tokens.spacingVerticalM,
    borderRadius: "16px",
    boxShadow: tokens.shadow8,
    alignContent: "start",
  },
  title: { margin: 0 },
});

/** One of the boxes of the page. `failure`: what went wrong in it, as a sentence. */
export function Section(props: { title: string; failure: string | null; children: ReactNode }) {
  const styles = useStyles();
  return (
    <Card className={styles.card} role="region" aria-label={props.title}>
      <Subtitle2 as="h2" className={styles.title}>{props.title}</Subtitle2>
      {props.failure !== null && (
        <MessageBar intent="error" layout="multiline">
          <MessageBarBody>{props.failure}</MessageBarBody>
        </MessageBar>
      )}
      {props.children}
    </Card>
  );
}

export const useRowStyles = makeStyles({
  form: { display: "flex", gap: tokens.spacingHorizontalS, alignItems: "end" },
  field: { flexGrow: 1 },
  list: {
    listStyleType: "none",
    margin: 0,
    padding: 0,
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalS,
  },
  row: {
    display: "flex",
    alignItems: "center",
    gap: tokens.spacingHorizontalS,
    minHeight: "44px",
  },
  name: { flexGrow: 1, minWidth: 0, overflowWrap: "anywhere" },
  hint: { color: tokens.colorNeutralForeground3 },
});
