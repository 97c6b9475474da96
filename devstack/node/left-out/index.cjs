"use strict";

// Azurite loads its telemetry at the start and uses it only without --disableTelemetry. Whoever
// begins to use a package that is left out gets this sentence, and not "undefined is no function".
module.exports = new Proxy(
  {},
  {
    get(_target, name) {
      if (typeof name === "symbol" || name === "then" || name === "__esModule") return undefined;
      throw new Error(`devstack/node leaves this package out, and ${String(name)} of it is used`);
    },
  },
);
