// The board: who is on it, and the clients they hold.

import PocketBase from "pocketbase";
import { EventSource } from "eventsource";

globalThis.EventSource = EventSource;

/** A password that every member has. */
export const PASSWORD = "따뜻한-바닥-1234";

/** Asks again when the server says that it was asked too often, as an application should. */
async function patient(url, options) {
  for (;;) {
    const answer = await fetch(url, options);
    if (answer.status !== 429) return answer;
    const seconds = Number(answer.headers.get("retry-after")) || 1;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

/** The board of a server: clients by person, ids by name; filled by the set-up. */
export function open({ BASE_URL, SUPERUSER_EMAIL, SUPERUSER_PASSWORD, MAILS }) {
  if (!BASE_URL || !SUPERUSER_EMAIL || !SUPERUSER_PASSWORD) {
    console.error("set BASE_URL, SUPERUSER_EMAIL and SUPERUSER_PASSWORD");
    process.exit(2);
  }
  const client = () => {
    const pb = new PocketBase(BASE_URL);
    pb.autoCancellation(false);
    pb.beforeSend = (url, options) => ({ url, options: { ...options, fetch: patient } });
    return pb;
  };
  return {
    url: BASE_URL,
    superuser: { email: SUPERUSER_EMAIL, password: SUPERUSER_PASSWORD },
    client,
    /** Where the mails of everybody on the board can be read, if anywhere. */
    mails: MAILS,
    /** Nobody: a client that has not signed in. */
    guest: client(),
    /** The superuser. */
    root: client(),
    /** Members by name, signed in: { pb, id, email }. */
    members: {},
    /** Teams by name, posts by title. */
    teams: {},
    posts: {},
  };
}

/** Signs a new member up and in. */
export async function join(board, name, more = {}) {
  const email = `${name}@example.com`;
  const pb = board.client();
  const made = await pb.collection("users").create({ email, password: PASSWORD, passwordConfirm: PASSWORD, name, ...more });
  await pb.collection("users").authWithPassword(email, PASSWORD);
  board.members[name] = { pb, id: made.id, email };
  return board.members[name];
}
