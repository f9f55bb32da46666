// The mailbox of everybody on the board: a mail server that tells what it took.

/** The words of the newest mail to an address after so many others: its token or its code. */
export async function mailed(mails, to, after = 0) {
  const until = Date.now() + 60_000;
  while (Date.now() < until) {
    const answer = await fetch(`${mails}/mails?to=${encodeURIComponent(to)}`);
    const mail = (await answer.json())[after];
    if (mail) return { ...mail, token: mail.links[0]?.split("?token=")[1], code: mail.codes[0] };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no mail came to ${to}`);
}
