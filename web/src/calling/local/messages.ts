// The plane's messages, as devstack/acs_emulator/CALLING.md has them.

import type { CallState } from "../contract.ts";

export type ToPlane =
  | { type: "hello"; token: string; displayName: string }
  | { type: "token"; token: string }
  | { type: "join"; groupId: string }
  | { type: "join"; meetingLink: string }
  | { type: "call"; to: string }
  | { type: "answer"; ring: string; accept: boolean }
  | { type: "press"; key: string }
  | { type: "mute"; muted: boolean }
  | { type: "leave" }
  | { type: "signal"; to: string; data: Signal };

export interface Participant {
  user: string;
  window: string | null;
  displayName: string;
  muted: boolean;
  onHold: boolean;
}

export type FromPlane =
  | { type: "welcome"; window: string; user: string; scopes: string[]; expiresAt: number }
  | { type: "ring"; ring: string; from: { user: string; displayName: string }; kind: string }
  | { type: "ringEnded"; ring: string; reason: string }
  | CallMessage
  | PlayMessage
  | { type: "signal"; from: string; data: Signal }
  | { type: "refused"; re: string; id?: string; code: string; message: string };

export interface CallMessage {
  type: "call";
  call: string;
  kind: "direct" | "group" | "meeting";
  locator: string | null;
  state: CallState;
  reason: string | null;
  participants: Participant[];
}

export type PlayMessage =
  | { type: "play"; play: string; state: "started"; source: "file"; ms: number; url: string }
  | {
      type: "play";
      play: string;
      state: "started";
      source: "text";
      ms: number;
      text: string;
      locale: string | null;
    }
  | { type: "play"; play: string; state: "ended" };

/** What two windows tell each other; the plane passes it on as it is. */
export interface Signal {
  description?: RTCSessionDescriptionInit;
  candidate?: RTCIceCandidateInit;
  /** Whether the sender's camera is on: WebRTC itself does not say. */
  camera?: boolean;
}

const ENDED: Record<string, string> = {
  left: "You left the call.",
  hungUp: "The others have left the call.",
  declined: "The call was declined.",
  busy: "They are in another call.",
  noAnswer: "Nobody answered.",
  unreachable: "They cannot be reached: no window of theirs is open.",
  removed: "You were removed from the call.",
  terminated: "The call was ended for everybody.",
  moved: "You were moved to another call.",
  denied: "The meeting did not let you in.",
  lost: "The connection was lost, and the call with it.",
};

/** Why a call ended, as a sentence. */
export function whyEnded(reason: string | null): string {
  return (reason !== null && ENDED[reason]) || "The call has ended.";
}
