// What the checks say again and again: a refusal with its status and its fields, a list by titles.

import assert from "node:assert/strict";

import { TITLES } from "./seed.js";

/** Fails unless the promise is refused with this status; the refusal. */
export async function refused(status, promise) {
  const answer = await promise.then(
    (value) => assert.fail(`expected a refusal with ${status}, got ${JSON.stringify(value)}`),
    (error) => error,
  );
  if (answer instanceof assert.AssertionError) throw answer;
  assert.equal(answer.status, status, `status ${answer.status}: ${JSON.stringify(answer.response)}`);
  return answer;
}

/** Fails unless the promise is refused with 400 and exactly these codes by field. */
export async function faulty(codes, promise) {
  const { response } = await refused(400, promise);
  const told = Object.fromEntries(Object.entries(response.data).map(([field, fault]) => [field, fault.code]));
  assert.deepEqual(told, codes);
  for (const fault of Object.values(response.data)) assert.ok(fault.message.length > 0, "a fault says something");
  return response;
}

/** The short names of the posts that a filter finds, in order of the alphabet. */
export async function found(pb, filter, options = {}) {
  const names = new Map(Object.entries(TITLES).map(([name, title]) => [title, name]));
  const list = await pb.collection("posts").getFullList({ filter, ...options });
  const short = list.map((post) => names.get(post.title)).filter((name) => name !== undefined);
  return options.sort ? short : short.sort();
}
