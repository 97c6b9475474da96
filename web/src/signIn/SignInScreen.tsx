import {
  Body1,
  Button,
  Card,
  makeStyles,
  MessageBar,
  MessageBarBody,
  Title1,
  tokens,
} from "@fluentui/react-components";
import { useState } from "react";

import { signIn } from "./signIn.ts";

const useStyles = makeStyles({
  page: {
    minHeight: "100vh",
    display: "grid",
    placeItems: "center",
    padding: tokens.spacingHorizontalL,
    boxSizing: "border-box",
  },
  card: {
    maxWidth: "420px",
    padding: "40px",
    rowGap: tokens.spacingVerticalL,
    boxShadow: tokens.shadow16,
    borderRadius: "20px",
  },
  title: { margin: 0 },
  logo: { width: "56px", height: "56px" },
});

export function SignInScreen({ trouble }: { trouble: string | null }) {
  const styles = useStyles();
  const [isLeaving, setLeaving] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const go = () => {
    setLeaving(true);
    signIn().catch(() => {
      setLeaving(false);
      setFailure("The sign-in page does not answer. Is the stack running?");
    });
  };
  const message = failure ?? trouble;
  return (
    <main className={styles.page}>
      <Card className={styles.card}>
        <img className={styles.logo} src="/icon.svg" alt="" />
        <Title1 as="h1" className={styles.title}>Calls between friends</Title1>
        <Body1>
          Sign in, make friends, and call them. Open this page in two windows to be two people: each
          window has a sign-in of its own.
        </Body1>
        {message !== null && (
          <MessageBar intent="warning" layout="multiline">
            <MessageBarBody>{message}</MessageBarBody>
          </MessageBar>
        )}
        <Button appearance="primary" size="large" disabled={isLeaving} onClick={go}>
          Sign in
        </Button>
      </Card>
    </main>
  );
}
