// The grid: one box selects all, the count is told, a click on a row opens it.

const form = document.querySelector("form[data-grid]");

if (form) {
  const all = form.querySelector("[data-all]");
  const boxesNow = () => [...form.querySelectorAll("input[name=id]")];
  const button = form.querySelector("[data-selected]");
  const count = form.querySelector("[data-count]");

  const tell = () => {
    const boxes = boxesNow();
    const chosen = boxes.filter((box) => box.checked).length;
    button.disabled = chosen === 0;
    count.textContent = chosen === 0 ? "" : `(${chosen})`;
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  };

  all.addEventListener("change", () => {
    for (const box of boxesNow()) box.checked = all.checked;
    tell();
  });
  form.addEventListener("change", tell);
  addEventListener("pageshow", tell);
  document.addEventListener("fresh", tell);

  form.querySelector("tbody").addEventListener("click", (event) => {
    if (event.target.closest("a, input, label, button") || String(getSelection())) return;
    event.target.closest("tr")?.querySelector("a.open")?.click();
  });
}

// The grid stays fresh: when something was written, the page is asked for again, unless somebody is choosing rows.
if (form) {
  let known;
  const look = async () => {
    if (document.hidden || form.querySelector("input[name=id]:checked") || document.querySelector("details[open].popover")) return;
    const reply = await fetch("/_/pulse");
    if (!reply.ok || reply.redirected) return;
    const now = await reply.text();
    const isNews = known !== undefined && now !== known;
    known = now;
    if (!isNews) return;
    const page = await fetch(location.href);
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("form[data-grid] tbody");
    const body = form.querySelector("tbody");
    if (fresh && !form.querySelector("input[name=id]:checked")) {
      body.replaceChildren(...fresh.children);
      document.dispatchEvent(new Event("fresh"));
    }
  };
  look().catch(() => {});
  setInterval(() => look().catch(() => {}), 4000);
}

// A popover closes when one clicks elsewhere or presses Escape.
for (const popover of document.querySelectorAll("details.popover")) {
  document.addEventListener("click", (event) => {
    if (!popover.contains(event.target)) popover.open = false;
  });
  popover.addEventListener("keydown", (event) => {
    if (event.key === "Escape") popover.open = false;
  });
}
