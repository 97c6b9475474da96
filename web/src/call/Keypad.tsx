import {
  Button,
  makeStyles,
  Popover,
  PopoverSurface,
  PopoverTrigger,
} from "@fluentui/react-components";
import { DialpadRegular } from "@fluentui/react-icons";

import { type Key, KEYS } from "../calling/contract.ts";

const useStyles = makeStyles({
  keys: { display: "grid", gridTemplateColumns: "repeat(3, 56px)", gap: "8px" },
  key: { minWidth: "56px", height: "48px" },
});

/** The keys of a telephone. `press` sends one: a bot in the call hears it. */
export function Keypad({ press }: { press: (key: Key) => void }) {
  const styles = useStyles();
  return (
    <Popover trapFocus withArrow>
      <PopoverTrigger disableButtonEnhancement>
        <Button size="large" icon={<DialpadRegular />}>
          Keys
        </Button>
      </PopoverTrigger>
      <PopoverSurface aria-label="Keys of a telephone">
        <div className={styles.keys}>
          {KEYS.map((key) => (
            <Button
              key={key}
              className={styles.key}
              aria-label={NAMES[key] ?? key}
              onClick={() => press(key)}
            >
              {key}
            </Button>
          ))}
        </div>
      </PopoverSurface>
    </Popover>
  );
}

const NAMES: Partial<Record<Key, string>> = { "*": "star", "#": "hash" };
