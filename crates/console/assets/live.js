// A page that shows how things are asks for itself again, as long as somebody looks at it. What is late is dimmed.
const live = document.querySelector("[data-live]");
const EVERY_MS = 2000;

async function again() {
  if (!document.hidden) {
    try {
      const reply = await fetch(live.dataset.live);
      const isOurs = reply.ok && !reply.redirected;
      live.toggleAttribute("data-late", !isOurs);
      if (isOurs) {
        live.innerHTML = await reply.text();
        document.dispatchEvent(new Event("fresh"));
      }
    } catch {
      live.setAttribute("data-late", "");
    }
  }
  setTimeout(again, EVERY_MS);
}
if (live) setTimeout(again, EVERY_MS);
