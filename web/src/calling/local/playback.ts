import type { PlayMessage } from "./messages.ts";

/** Plays what bots play: files by an audio element, text by the browser's own voice. */
export class Playback {
  readonly #origin: string;
  readonly #changed: (played: string | null) => void;
  #playing: { play: string; stop: () => void } | null = null;

  /** `origin`: where the plane serves the files. */
  constructor(origin: string, changed: (played: string | null) => void) {
    this.#origin = origin;
    this.#changed = changed;
  }

  heard(message: PlayMessage): void {
    if (message.state === "ended") {
      if (this.#playing?.play === message.play) this.stop();
      return;
    }
    this.stop();
    const stop =
      message.source === "file"
        ? playFile(new URL(message.url, this.#origin).href)
        : speak(message.text, message.locale);
    this.#playing = { play: message.play, stop };
    this.#changed(message.source === "text" ? message.text : "A recording is played.");
  }

  stop(): void {
    if (this.#playing === null) return;
    this.#playing.stop();
    this.#playing = null;
    this.#changed(null);
  }
}

function playFile(url: string): () => void {
  const audio = new Audio(url);
  // Refused only if nobody has clicked on this page yet; what is played is shown as well.
  audio.play().catch(() => undefined);
  return () => audio.pause();
}

function speak(text: string, locale: string | null): () => void {
  // Some browsers have no voices.
  if (!("speechSynthesis" in window)) return () => undefined;
  const words = new SpeechSynthesisUtterance(text);
  if (locale !== null) words.lang = locale;
  speechSynthesis.speak(words);
  return () => speechSynthesis.cancel();
}
