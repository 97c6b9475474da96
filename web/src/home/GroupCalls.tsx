import {
  Body1,
  Button,
  Caption1,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  DialogTrigger,
  Field,
  Input,
} from "@fluentui/react-components";
import { PeopleTeamRegular, VideoAddRegular } from "@fluentui/react-icons";
import { type FormEvent, useState } from "react";

import {
  type Invitation,
  invitations,
  locatorOf,
  shareGroupCall,
  unshareGroupCall,
} from "../api/client.ts";
import type { HomeProps } from "./Home.tsx";
import { Section, useRowStyles } from "./Section.tsx";
import { useDo } from "./useDo.ts";
import { usePolled } from "./usePolled.ts";

const SECONDS = 3;

export function GroupCalls({ calling, canCall, signedOut }: HomeProps) {
  const rows = useRowStyles();
  const list = usePolled(invitations, SECONDS, signedOut);
  const doing = useDo(signedOut);
  const [title, setTitle] = useState("");

  const start = (event: FormEvent) => {
    event.preventDefault();
    void doing.run(async () => {
      const groupId = crypto.randomUUID();
      await shareGroupCall(groupId, title.trim() || "Group call");
      setTitle("");
      await list.reload();
      await calling.join({ groupId });
    });
  };
  const join = (id: string) => void doing.run(async () => calling.join(await locatorOf(id)));
  const unshare = (id: string) =>
    void doing.run(async () => {
      await unshareGroupCall(id);
      await list.reload();
    });

  return (
    <Section title="Group calls" failure={doing.failure ?? list.failure}>
      <form className={rows.form} onSubmit={start}>
        <Field className={rows.field} label="What it is about">
          <Input
            value={title}
            placeholder="Coffee"
            maxLength={100}
            onChange={(_, { value }) => setTitle(value)}
          />
        </Field>
        <Button type="submit" icon={<VideoAddRegular />} disabled={doing.isBusy || !canCall}>
          Start
        </Button>
      </form>
      <Caption1 className={rows.hint}>
        The friends whom you have now see the call, and may join it. A call has at most five
        windows.
      </Caption1>
      <ul className={rows.list}>
        {list.value?.map((call) => (
          <li key={call.id} className={rows.row}>
            <PeopleTeamRegular fontSize={28} aria-hidden />
            <div className={rows.name}>
              <Body1 block>{call.title ?? "A call without a title"}</Body1>
              <Caption1 className={rows.hint}>{whose(call)}</Caption1>
            </div>
            <Button
              appearance="primary"
              disabled={doing.isBusy || !canCall}
              onClick={() => join(call.id)}
              aria-label={`Join ${call.title ?? "the call"}`}
            >
              Join
            </Button>
            {call.mine && <Unshare call={call} unshare={() => unshare(call.id)} />}
          </li>
        ))}
      </ul>
      {list.value?.length === 0 && (
        <Body1 className={rows.hint}>Nobody shares a call with you.</Body1>
      )}
    </Section>
  );
}

function whose(call: Invitation): string {
  const kind = call.kind === "teamsMeeting" ? "Teams meeting" : "Group call";
  return call.mine ? `${kind} of yours` : `${kind} of ${call.host.displayName ?? call.host.id}`;
}

function Unshare({ call, unshare }: { call: Invitation; unshare: () => void }) {
  return (
    <Dialog>
      <DialogTrigger disableButtonEnhancement>
        <Button aria-label={`Unshare ${call.title ?? "the call"}`}>Unshare</Button>
      </DialogTrigger>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>Unshare “{call.title ?? "the call"}”?</DialogTitle>
          <DialogContent>
            <p>It disappears from the lists of your friends.</p>
            <p>
              <strong>Unsharing does not end the call.</strong> Everybody who has opened it knows
              its group id and can still join. To leave somebody out for good, start another call.
            </p>
          </DialogContent>
          <DialogActions>
            <DialogTrigger disableButtonEnhancement>
              <Button>Keep it</Button>
            </DialogTrigger>
            <DialogTrigger disableButtonEnhancement>
              <Button appearance="primary" onClick={unshare}>
                Unshare it
              </Button>
            </DialogTrigger>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
