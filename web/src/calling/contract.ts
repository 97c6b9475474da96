// What the screens know of calling. Two implementations: `local` (a stack's plane) and `acs` (the
// Calling SDK). The screens see no difference.

/** A value that changes, for React's useSyncExternalStore. */
export interface Readable<T> {
  get(): T;
  subscribe(listener: () => void): () => void;
}

export type Locator = { groupId: string } | { meetingLink: string };

export const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"] as const;
export type Key = (typeof KEYS)[number];

/**
 * The state of the connection. After `lost`, the page connects again by itself; after `closed`,
 * the person has to act, and `because` tells them why.
 */
export type Connection =
  | { state: "connecting" }
  | { state: "ready" }
  | { state: "lost"; because: string }
  | { state: "closed"; because: string };

/** Somebody calls. `user` is their ACS identity. */
export interface Ring {
  id: string;
  user: string;
  displayName: string;
}

export type CallState = "ringing" | "connecting" | "lobby" | "connected" | "ended";

export interface Person {
  /** Unique in the call: one user may be in it with two windows. */
  key: string;
  user: string;
  displayName: string;
  isMe: boolean;
  isMuted: boolean;
  isOnHold: boolean;
  /** False for bots, phones and other people without a window, who send no picture. */
  hasWindow: boolean;
  /** Picture and sound, or only one of them. */
  stream: MediaStream | null;
  showsPicture: boolean;
}

export interface Call {
  id: string;
  state: CallState;
  /** Why it ended, as a sentence; null before. */
  reason: string | null;
  isGroup: boolean;
  people: Person[];
  isMuted: boolean;
  isOnHold: boolean;
  isCameraOn: boolean;
  /** A sentence: what this window's devices cannot do, or that another window sends nothing. */
  trouble: string | null;
  /** What a bot says or plays right now. */
  played: string | null;
}

export interface CallingView {
  connection: Connection;
  rings: Ring[];
  call: Call | null;
}

/** Each method that asks for something rejects with a `CallingError`, whose message is for people. */
export interface Calling {
  readonly view: Readable<CallingView>;
  /** Ring the user with that ACS identity. */
  call(user: string): Promise<void>;
  join(locator: Locator): Promise<void>;
  answer(ring: string, accept: boolean): Promise<void>;
  press(key: Key): Promise<void>;
  setMuted(muted: boolean): Promise<void>;
  setCamera(on: boolean): Promise<void>;
  leave(): Promise<void>;
  /** Take an ended call off the screen. */
  dismiss(): void;
  /** Connect again, after `closed`. */
  reconnect(): void;
  close(): void;
}

/** Gets a calling token from the service: a new one each time. */
export interface TokenSource {
  (): Promise<{ token: string; expiresOn: Date }>;
}

export class CallingError extends Error {}
