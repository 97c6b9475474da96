// Loaded into Azurite (node --require): what could not be written, because the disk was full for a
// while, is written once there is room. LokiJS, which keeps Azurite's tables, takes its data for
// written before it writes them: after an error it would write them at the next change only, and
// at the end not at all. An error at the end makes Azurite's exit code 1.
"use strict";

const Loki = require("lokijs");

const save = Loki.prototype.saveDatabaseInternal;
const failed = new Set(); // databases: Azurite has several for blobs

Loki.prototype.saveDatabaseInternal = function (callback) {
  save.call(this, (error) => {
    if (error) {
      if (!failed.has(this)) console.error(`${this.filename} cannot be written: ${error.message}`);
      for (const collection of this.collections) collection.dirty = true;
      failed.add(this);
    } else if (failed.delete(this)) {
      console.log(`${this.filename} is written again`);
    }
    callback?.(error);
  });
};
