import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App.tsx";
import { whoIsSignedIn, type SignedIn } from "./signIn/signIn.ts";
import "./page.css";

// Before React draws anything, because an answer of the issuer is good once only.
let person: SignedIn | null = null;
let trouble: string | null = null;
try {
  person = await whoIsSignedIn();
} catch (error) {
  trouble = `You were not signed in: ${error instanceof Error ? error.message : "the issuer refused."}`;
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App signedIn={person} trouble={trouble} />
  </StrictMode>,
);
