// Microsoft's JavaScript Call Automation client reads what the ACS emulator has sent to an app.
// Reads {messages, events} from standard input: the texts of WebSockets, and events. Prints
// {messages: [what each is], events: [what each is]}.

import { text } from "node:stream/consumers";

import { StreamingData, parseCallAutomationEvent } from "@azure/communication-call-automation";

const { messages, events } = JSON.parse(await text(process.stdin));

const read = (message) => {
  const content = StreamingData.parse(message);
  return { kind: StreamingData.getStreamingKind(), ...content };
};

console.log(
  JSON.stringify({
    messages: messages.map(read),
    events: events.map((event) => parseCallAutomationEvent([event])),
  }),
);
