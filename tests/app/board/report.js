// Runs checks one after the other, says how each went, and counts.

const SECONDS_MAX = 90;

export function report() {
  let passed = 0;
  const failed = [];
  return {
    async run(name, check) {
      try {
        await within(SECONDS_MAX, check());
        passed += 1;
        console.log(`ok ${name}`);
      } catch (error) {
        failed.push(name);
        console.log(`not ok ${name}`);
        console.log(told(error).replace(/^/gm, "    "));
      }
    },
    /** Prints the count; the exit code. */
    close() {
      for (const name of failed) console.log(`failed: ${name}`);
      console.log(`${passed} passed, ${failed.length} failed`);
      return failed.length === 0 ? 0 : 1;
    },
  };
}

/** A promise that fails if it is not kept in time. */
export function within(seconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function told(error) {
  if (error?.response === undefined) return String(error?.stack ?? error);
  const cause = error.originalError?.stack ?? "";
  return `${error.url} answered ${error.status}: ${JSON.stringify(error.response)}\n${error.status ? error.stack : cause}`;
}
