// Hearing what happens: events as they come, waited for by what they say.

import { within } from "./report.js";

/** Subscribes to `topic` of a collection; `next(fits)` waits for an event, `stop()` ends it. */
export async function listen(pb, collection, topic, options) {
  const heard = [];
  let wake = () => {};
  const stop = await pb.collection(collection).subscribe(topic, (event) => {
    heard.push(event);
    wake();
  }, options);
  const next = async (fits) => {
    for (;;) {
      const event = heard.find(fits);
      if (event) return event;
      await new Promise((resolve) => { wake = resolve; });
    }
  };
  return { heard, stop, next: (fits) => within(30, next(fits)) };
}
