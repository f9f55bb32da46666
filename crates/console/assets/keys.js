// Keys: j and k move, Enter opens, x selects, / goes to the filter, n makes, Ctrl+S saves, ? shows them.

const rows = () => [...document.querySelectorAll("tbody tr[data-row]")];
let here = -1;

function move(step) {
  const all = rows();
  if (all.length === 0) return;
  all[here]?.removeAttribute("data-here");
  here = Math.min(Math.max(here + step, 0), all.length - 1);
  all[here].setAttribute("data-here", "");
  all[here].scrollIntoView({ block: "nearest" });
  all[here].querySelector("a.open")?.focus({ preventScroll: true });
}

const actions = {
  j: () => move(1),
  k: () => move(-1),
  x: () => rows()[here]?.querySelector("input[type=checkbox]")?.click(),
  "/": () => document.querySelector("#filter")?.focus(),
  n: () => document.querySelector("[data-key=n]")?.click(),
  "?": () => document.querySelector("#keys")?.showModal(),
};

const isTyping = (target) =>
  target instanceof Element && target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    const save = document.querySelector("[data-key=save]");
    if (save) {
      event.preventDefault();
      save.click();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && isTyping(event.target)) return event.target.blur();
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const action = Object.hasOwn(actions, event.key) ? actions[event.key] : undefined;
  if (action) {
    event.preventDefault();
    action();
  }
});
