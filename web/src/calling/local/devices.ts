import type { Sent } from "./peer.ts";

// Small pictures: each window sends to each, on one machine.
const VIDEO: MediaTrackConstraints = {
  width: { ideal: 640 },
  height: { ideal: 360 },
  frameRate: { ideal: 15 },
};

/** This window's microphone and camera, open only while there is a call. */
export class Devices {
  /** The picture for oneself. */
  readonly preview = new MediaStream();
  /** What the devices cannot do, as a sentence. */
  trouble: string | null = null;
  #audio: MediaStreamTrack | null = null;
  #video: MediaStreamTrack | null = null;

  get sent(): Sent {
    return { audio: this.#audio, video: this.#video };
  }

  /** Open the devices that there are: a call is possible without a camera or a microphone. */
  async open(): Promise<void> {
    this.close();
    const both = await ask({ audio: true, video: VIDEO });
    if (both instanceof MediaStream) {
      this.#take(both);
      return;
    }
    for (const wanted of [{ audio: true }, { video: VIDEO }]) {
      const one = await ask(wanted);
      if (one instanceof MediaStream) this.#take(one);
    }
    this.trouble = whatIsMissing(this.#audio !== null, this.#video !== null, both);
  }

  async openCamera(): Promise<void> {
    const opened = await ask({ video: VIDEO });
    if (opened instanceof MediaStream) this.#take(opened);
    this.trouble = opened instanceof MediaStream ? null : whatIsMissing(true, false, opened);
  }

  /** The lamp of the camera goes out, too. */
  closeCamera(): void {
    if (this.#video === null) return;
    this.#video.stop();
    this.preview.removeTrack(this.#video);
    this.#video = null;
  }

  /** Send silence and black, without closing anything. */
  silence({ audio, video }: { audio: boolean; video: boolean }): void {
    if (this.#audio) this.#audio.enabled = !audio;
    if (this.#video) this.#video.enabled = !video;
  }

  close(): void {
    this.closeCamera();
    this.#audio?.stop();
    this.#audio = null;
    this.trouble = null;
  }

  #take(stream: MediaStream): void {
    this.#audio = stream.getAudioTracks()[0] ?? this.#audio;
    const video = stream.getVideoTracks()[0];
    if (video) {
      this.closeCamera();
      this.#video = video;
      this.preview.addTrack(video);
    }
  }
}

async function ask(wanted: MediaStreamConstraints): Promise<MediaStream | unknown> {
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    return error;
  }
}

function whatIsMissing(hasAudio: boolean, hasVideo: boolean, error: unknown): string | null {
  if (hasAudio && hasVideo) return null;
  const missing =
    hasAudio || hasVideo ? (hasAudio ? "camera" : "microphone") : "camera and microphone";
  const isRefused = error instanceof DOMException && error.name === "NotAllowedError";
  return isRefused
    ? `This page may not use your ${missing}. Allow it in the browser's address bar, and call again.`
    : `No ${missing} was found, or another program uses it.`;
}
