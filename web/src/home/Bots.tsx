import { Button, Field, Input } from "@fluentui/react-components";
import { BotRegular } from "@fluentui/react-icons";
import { type FormEvent, useState } from "react";

import { bot, ServiceError } from "../api/client.ts";
import type { HomeProps } from "./Home.tsx";
import { Section, useRowStyles } from "./Section.tsx";
import { useDo } from "./useDo.ts";

export function Bots({ calling, canCall, signedOut }: HomeProps) {
  const rows = useRowStyles();
  const doing = useDo(signedOut);
  const [id, setId] = useState("helpdesk");

  const ring = (event: FormEvent) => {
    event.preventDefault();
    const wanted = id.trim();
    if (wanted === "") return;
    void doing.run(async () => calling.call(await known(wanted)));
  };
  return (
    <Section title="Bots" failure={doing.failure}>
      <form className={rows.form} onSubmit={ring}>
        <Field className={rows.field} label="The bot’s id">
          <Input value={id} autoCapitalize="none" onChange={(_, { value }) => setId(value)} />
        </Field>
        <Button type="submit" icon={<BotRegular />} disabled={doing.isBusy || !canCall}>
          Call the bot
        </Button>
      </form>
    </Section>
  );
}

async function known(id: string): Promise<string> {
  try {
    return (await bot(id)).user;
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code === null) throw error;
    if (error.code !== "not-found" && !error.code.endsWith("-not-found")) throw error;
    throw new Error(
      `There is no bot “${id}”. An operator registers it; in a stack of yours, this does: ` +
        `python3 dev.py call ${id}`,
    );
  }
}
