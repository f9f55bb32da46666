// The notice board, run against a server: sets the board up, then goes through every check and counts.
//
//   BASE_URL=http://127.0.0.1:8090 SUPERUSER_EMAIL=… SUPERUSER_PASSWORD=… node main.js [--only TEXT]
//
// With MAILS, the address of a mail server that tells what it took (`/mails?to=…`), what works by mail is checked too.
// Every check also holds for PocketBase itself, but those where we promise more: AGAINST=pocketbase leaves these out.
// Assumption: the server is there for this run; the board's own collections and all accounts in `users` are made anew.

import { open } from "./board/open.js";
import { report } from "./board/report.js";
import setUp from "./checks/set-up.js";
import accounts from "./checks/accounts.js";
import records from "./checks/records.js";
import filters from "./checks/filters.js";
import shape from "./checks/shape.js";
import modifiers from "./checks/modifiers.js";
import files from "./checks/files.js";
import faults from "./checks/faults.js";
import rules from "./checks/rules.js";
import batch from "./checks/batch.js";
import realtime from "./checks/realtime.js";
import collections from "./checks/collections.js";
import mail from "./checks/mail.js";

const only = process.argv[2] === "--only" ? process.argv[3] : "";
const board = open(process.env);
const groups = { accounts, records, filters, shape, modifiers, files, faults, rules, batch, realtime, collections };
if (board.mails) groups.mail = mail;

const done = report();
for (const [name, check] of setUp) await done.run(`set-up: ${name}`, () => check(board));
for (const [group, checks] of Object.entries(groups)) {
  for (const [name, check, { isBeyond = false } = {}] of checks) {
    if (isBeyond && process.env.AGAINST === "pocketbase") continue;
    if (`${group}: ${name}`.includes(only)) await done.run(`${group}: ${name}`, () => check(board));
  }
}
process.exit(done.close());
