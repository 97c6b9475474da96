// Loaded into Azurite (node --require): stops it when its standard input ends, so that it goes
// with its supervisor however that one dies. Azurite writes its data upon SIGINT only.
"use strict";

const { enableCompileCache, flushCompileCache } = require("node:module");
const { join } = require("node:path");

// Half a second of the two that a start takes is compiling. What was compiled is kept beside the
// packages, also by a process that is killed later: it is written once the start is over.
enableCompileCache(join(__dirname, "node_modules", ".cache"));
setTimeout(flushCompileCache, 1000).unref();

let stopping = false;

process.on("SIGINT", () => {
  // Azurite listens for one SIGINT. Ours stays, or a second one would kill it in mid-write.
  const azuriteListens = process.listenerCount("SIGINT") > 1;
  if (!stopping && !azuriteListens) process.exit(0); // still starting: nothing to write yet
  stopping = true;
});

process.stdin.on("end", () => {
  if (!stopping) process.kill(process.pid, "SIGINT");
});
process.stdin.resume();
process.stdin.unref?.(); // waiting for the end must not keep a closed Azurite alive
