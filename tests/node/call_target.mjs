// What Microsoft's calling SDKs make of a raw id that they are given to call.
// Reads {rawId} from standard input; prints the identifier.

import assert from "node:assert/strict";
import { text } from "node:stream/consumers";

import {
  createIdentifierFromRawId,
  getIdentifierKind,
  isCommunicationUserIdentifier,
} from "@azure/communication-common";

const { rawId } = JSON.parse(await text(process.stdin));
const target = createIdentifierFromRawId(rawId);
assert.ok(isCommunicationUserIdentifier(target));
console.log(JSON.stringify(getIdentifierKind(target)));
