import {
  Avatar,
  Body1,
  Button,
  Caption1,
  Field,
  Input,
  Spinner,
  Tooltip,
} from "@fluentui/react-components";
import { CallRegular, DismissRegular, PersonAddRegular } from "@fluentui/react-icons";
import { type FormEvent, useState } from "react";

import { addFriend, type Friend, friends, friendToCall, removeFriend } from "../api/client.ts";
import type { HomeProps } from "./Home.tsx";
import { Section, useRowStyles } from "./Section.tsx";
import { useDo } from "./useDo.ts";
import { usePolled } from "./usePolled.ts";

const SECONDS = 3;
const STATES: Record<Friend["state"], string> = {
  accepted: "",
  requested: "You have asked. They have not answered.",
  incoming: "Asks to be your friend.",
};

export function Friends({ calling, canCall, person, signedOut }: HomeProps) {
  const rows = useRowStyles();
  const list = usePolled(friends, SECONDS, signedOut);
  const doing = useDo(signedOut);
  const [wanted, setWanted] = useState("");

  const change = (what: () => Promise<unknown>) =>
    void doing.run(async () => {
      await what();
      await list.reload();
    });
  const ask = (event: FormEvent) => {
    event.preventDefault();
    const id = wanted.trim();
    if (id === "") return;
    change(async () => {
      if (id === person.id) throw new Error("That is you.");
      await addFriend(id);
      setWanted("");
    });
  };
  const ring = (id: string) =>
    void doing.run(async () => calling.call(await friendToCall(id)));

  return (
    <Section title="Friends" failure={doing.failure ?? list.failure}>
      <form className={rows.form} onSubmit={ask}>
        <Field className={rows.field} label="Their user id">
          <Input
            value={wanted}
            placeholder="bob"
            autoCapitalize="none"
            onChange={(_, { value }) => setWanted(value)}
          />
        </Field>
        <Button type="submit" icon={<PersonAddRegular />} disabled={doing.isBusy}>
          Ask
        </Button>
      </form>
      {list.value === null && list.failure === null && <Spinner size="tiny" label="Loading" />}
      {list.value?.length === 0 && (
        <Body1 className={rows.hint}>
          You have no friends here yet. Ask somebody by their user id, and let them ask you.
        </Body1>
      )}
      <ul className={rows.list}>
        {list.value?.map((friend) => (
          <li key={friend.id} className={rows.row}>
            <Avatar name={friend.displayName ?? friend.id} color="colorful" aria-hidden />
            <div className={rows.name}>
              <Body1 block>{friend.displayName ?? friend.id}</Body1>
              <Caption1 className={rows.hint}>{STATES[friend.state]}</Caption1>
            </div>
            {friend.state === "accepted" && (
              <Button
                appearance="primary"
                icon={<CallRegular />}
                disabled={doing.isBusy || !canCall}
                onClick={() => ring(friend.id)}
              >
                Call
              </Button>
            )}
            {friend.state === "incoming" && (
              <Button
                appearance="primary"
                disabled={doing.isBusy}
                onClick={() => change(() => addFriend(friend.id))}
              >
                Accept
              </Button>
            )}
            <Tooltip content={removal(friend)} relationship="label">
              <Button
                appearance="subtle"
                icon={<DismissRegular />}
                disabled={doing.isBusy}
                onClick={() => change(() => removeFriend(friend.id))}
              />
            </Tooltip>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function removal({ state, displayName, id }: Friend): string {
  const who = displayName ?? id;
  if (state === "accepted") return `Remove ${who} from your friends`;
  return state === "incoming" ? `Decline ${who}` : `Withdraw your request to ${who}`;
}
