import { Avatar, Caption1, makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { BotRegular, MicOffRegular } from "@fluentui/react-icons";
import { useEffect, useRef } from "react";

import type { Person } from "../calling/contract.ts";

const useStyles = makeStyles({
  tile: {
    position: "relative",
    display: "grid",
    placeItems: "center",
    aspectRatio: "16 / 9",
    overflow: "hidden",
    borderRadius: "16px",
    backgroundColor: tokens.colorNeutralBackgroundInverted,
    boxShadow: tokens.shadow8,
  },
  video: { position: "absolute", width: "100%", height: "100%", objectFit: "cover" },
  mirrored: { transform: "scaleX(-1)" },
  hidden: { visibility: "hidden" },
  name: {
    position: "absolute",
    left: "12px",
    bottom: "12px",
    display: "flex",
    alignItems: "center",
    gap: "6px",
    padding: "4px 10px",
    borderRadius: "12px",
    color: "#fff",
    backgroundColor: "rgba(0, 0, 0, .55)",
  },
});

/** One person of the call. `isSilent`: whether their sound is off now. */
export function Tile({ person, isSilent }: { person: Person; isSilent: boolean }) {
  const styles = useStyles();
  const video = useRef<HTMLVideoElement>(null);
  const { stream } = person;
  useEffect(() => {
    if (video.current && video.current.srcObject !== stream) video.current.srcObject = stream;
  }, [stream]);
  const name = person.displayName === "" ? "Somebody" : person.displayName;
  const about = person.isMe ? `${name} (you)` : name;
  return (
    <figure className={styles.tile} style={{ margin: 0 }} aria-label={about}>
      <Avatar
        name={name}
        color="colorful"
        size={96}
        aria-hidden
        {...(person.hasWindow ? {} : { icon: <BotRegular /> })}
      />
      <video
        ref={video}
        className={mergeClasses(
          styles.video,
          person.isMe && styles.mirrored,
          !person.showsPicture && styles.hidden,
        )}
        data-person={person.isMe ? "me" : person.key}
        autoPlay
        playsInline
        muted={person.isMe || isSilent}
      />
      <figcaption className={styles.name}>
        <Caption1>{about}</Caption1>
        {person.isMuted && <MicOffRegular aria-label="muted" />}
        {person.isOnHold && <Caption1>on hold</Caption1>}
      </figcaption>
    </figure>
  );
}
