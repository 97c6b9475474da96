// Microsoft's JavaScript client records a call in the ACS emulator, unmodified.
// Reads a line {connectionString, serverCallId, callback, emulator} from standard input, records,
// prints `stopped`, reads a line with where the file is, and prints {states, format}.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";

import { CallAutomationClient } from "@azure/communication-call-automation";
import { createDefaultHttpClient } from "@azure/core-rest-pipeline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const wanted = await next();

// Leads requests to the storage of recordings to the emulator, as a hosts file would.
const http = createDefaultHttpClient();
const led = {
  sendRequest(request) {
    request.url = request.url.replace("https://storage.asm.skype.com", wanted.emulator);
    request.allowInsecureConnection = true;
    return http.sendRequest(request);
  },
};

const client = new CallAutomationClient(wanted.connectionString, { httpClient: led });
const recordings = client.getCallRecording();
const started = await recordings.start({
  callLocator: { id: wanted.serverCallId, kind: "serverCallLocator" },
  recordingContent: "audio",
  recordingChannel: "mixed",
  recordingFormat: "wav",
  recordingStateCallbackEndpointUrl: wanted.callback,
});
const states = [];
const look = async () => states.push((await recordings.getState(started.recordingId)).recordingState);
await look();
await recordings.pause(started.recordingId);
await look();
await recordings.resume(started.recordingId);
await look();
await recordings.stop(started.recordingId);
await assert.rejects(recordings.getState(started.recordingId), { statusCode: 404, code: "8522" });
console.log("stopped");

const file = await next();
const chunks = [];
for await (const part of await recordings.downloadStreaming(file.metadataLocation)) chunks.push(part);
const metadata = JSON.parse(Buffer.concat(chunks));
await recordings.delete(file.deleteLocation);
await assert.rejects(recordings.delete(file.deleteLocation), { status: 404 });
console.log(JSON.stringify({ states, format: metadata.recordingInfo.format }));
process.exit(0);
