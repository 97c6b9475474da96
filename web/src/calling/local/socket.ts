import { CallingError, type Connection, type TokenSource } from "../contract.ts";
import type { FromPlane, ToPlane } from "./messages.ts";

const TOKEN_REFUSED = 4401;
const ORIGIN_REFUSED = 4403;
/** Before a token expires, so that a slow answer is still in time. */
const RENEW_BEFORE_MS = 120_000;
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

/** What the socket needs of the browser, so that tests can hand it their own. */
export interface Browser {
  open(url: string): WebSocket;
  now(): number;
  after(ms: number, run: () => void): () => void;
}

export const BROWSER: Browser = {
  open: (url) => new WebSocket(url),
  now: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export interface SocketOptions {
  url: string;
  displayName: string;
  tokens: TokenSource;
  heard: (message: FromPlane) => void;
  changed: (connection: Connection) => void;
  browser: Browser;
}

/**
 * The connection to the plane: it says hello, renews the token, and connects again by itself,
 * except where only the person can help.
 */
export class PlaneSocket {
  readonly #options: SocketOptions;
  #socket: WebSocket | null = null;
  #isReady = false;
  #expiresAtMs = Infinity;
  #failures = 0;
  #lastId = 0;
  #isClosed = false;
  #waiting = new Map<string, (refused: CallingError) => void>();
  #cancelTimer: () => void = () => undefined;

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  /** Connect, and stay connected until `close`. */
  connect(): void {
    this.#isClosed = false;
    this.#failures = 0;
    void this.#connect();
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  /** Send a message. `refused` gets the plane's answer if it does not do what is asked for. */
  send(message: ToPlane, refused?: (error: CallingError) => void): void {
    if (this.#socket === null || !this.#isReady) {
      throw new CallingError("This window is not connected. Wait a moment, and try again.");
    }
    if (refused === undefined) {
      this.#socket.send(JSON.stringify(message));
      return;
    }
    const id = String(++this.#lastId);
    this.#waiting.set(id, refused);
    this.#socket.send(JSON.stringify({ ...message, id }));
  }

  async #connect(): Promise<void> {
    this.#options.changed({ state: "connecting" });
    let token: string;
    try {
      ({ token } = await this.#options.tokens());
    } catch (error) {
      this.#retry(error instanceof Error ? error.message : "There is no token for calls.");
      return;
    }
    if (this.#isClosed || this.#socket !== null) return;
    const socket = this.#options.browser.open(this.#options.url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      const { displayName } = this.#options;
      socket.send(JSON.stringify({ type: "hello", token, displayName }));
    });
    socket.addEventListener("message", (event: MessageEvent<string>) => {
      if (this.#socket === socket) this.#heard(JSON.parse(event.data) as FromPlane);
    });
    socket.addEventListener("close", (event) => {
      if (this.#socket === socket) this.#ended(event);
    });
  }

  #heard(message: FromPlane): void {
    if (message.type === "welcome") {
      this.#isReady = true;
      this.#failures = 0;
      this.#expiresAtMs = message.expiresAt * 1000;
      this.#renewInTime();
      this.#options.heard(message);
      this.#options.changed({ state: "ready" });
      return;
    }
    if (message.type === "refused" && message.id !== undefined) {
      const refused = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      refused?.(new CallingError(message.message));
    }
    this.#options.heard(message);
  }

  #renewInTime(): void {
    this.#cancelTimer();
    const { browser, tokens } = this.#options;
    const left = this.#expiresAtMs - browser.now();
    this.#cancelTimer = browser.after(Math.max(left - RENEW_BEFORE_MS, left / 2), () => {
      tokens().then(
        ({ token }) => {
          if (this.#isReady) this.send({ type: "token", token });
        },
        () => this.#renewInTime(), // half of what is left; at the end the plane closes
      );
    });
  }

  #ended(event: CloseEvent): void {
    const hadExpired = this.#options.browser.now() >= this.#expiresAtMs;
    this.#drop();
    if (event.code === ORIGIN_REFUSED) {
      this.#options.changed({
        state: "closed",
        because: "The calling plane takes pages of this machine only. Open this page at localhost.",
      });
    } else if (event.code === TOKEN_REFUSED && !hadExpired) {
      this.#options.changed({
        state: "closed",
        because: "Your calling token is not good any more: it was revoked, here or elsewhere.",
      });
    } else {
      this.#retry("The calling service does not answer. Is the stack running?");
    }
  }

  #retry(because: string): void {
    if (this.#isClosed) return;
    const pause = PAUSES_MS[Math.min(this.#failures++, PAUSES_MS.length - 1)] ?? 0;
    this.#options.changed({ state: "lost", because });
    this.#cancelTimer();
    this.#cancelTimer = this.#options.browser.after(pause, () => void this.#connect());
  }

  #drop(): void {
    this.#cancelTimer();
    const socket = this.#socket;
    this.#socket = null;
    this.#isReady = false;
    this.#expiresAtMs = Infinity;
    this.#waiting.clear();
    socket?.close();
  }
}
