import {
  Avatar,
  Button,
  makeStyles,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  Subtitle1,
  tokens,
} from "@fluentui/react-components";
import { PlugDisconnectedRegular, SignOutRegular } from "@fluentui/react-icons";

import { revokeTokens } from "../api/client.ts";
import { signOut } from "../signIn/signIn.ts";
import type { PageProps } from "./SignedInPage.tsx";

const useStyles = makeStyles({
  header: {
    display: "flex",
    alignItems: "center",
    gap: tokens.spacingHorizontalM,
    padding: `${tokens.spacingVerticalM} ${tokens.spacingHorizontalXXL}`,
    backgroundColor: tokens.colorNeutralBackground1,
    boxShadow: tokens.shadow4,
  },
  logo: { width: "28px", height: "28px" },
  title: { flexGrow: 1, margin: 0 },
});

export function Header({ person, signedOut }: PageProps) {
  const styles = useStyles();
  const leave = () => void signOut().catch(() => signedOut("You are signed out in this window."));
  return (
    <header className={styles.header}>
      <img className={styles.logo} src="/icon.svg" alt="" />
      <Subtitle1 as="h1" className={styles.title}>
        Calls between friends
      </Subtitle1>
      <Menu>
        <MenuTrigger disableButtonEnhancement>
          <Button
            appearance="subtle"
            icon={<Avatar name={person.displayName} color="colorful" size={28} aria-hidden />}
          >
            {person.displayName}
          </Button>
        </MenuTrigger>
        <MenuPopover>
          <MenuList>
            <MenuItem
              icon={<PlugDisconnectedRegular />}
              onClick={() => void revokeTokens().catch(() => undefined)}
            >
              Disconnect all my windows
            </MenuItem>
            <MenuItem icon={<SignOutRegular />} onClick={leave}>
              Sign out
            </MenuItem>
          </MenuList>
        </MenuPopover>
      </Menu>
    </header>
  );
}
