// The grid: one box selects all, the count is told, a click on a row opens it.

const form = document.querySelector("form[data-grid]");

if (form) {
  const all = form.querySelector("[data-all]");
  const boxes = [...form.querySelectorAll("input[name=id]")];
  const button = form.querySelector("[data-selected]");
  const count = form.querySelector("[data-count]");

  const tell = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    button.disabled = chosen === 0;
    count.textContent = chosen === 0 ? "" : `(${chosen})`;
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  };

  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  form.addEventListener("change", tell);
  addEventListener("pageshow", tell);

  form.querySelector("tbody").addEventListener("click", (event) => {
    if (event.target.closest("a, input, label, button") || String(getSelection())) return;
    event.target.closest("tr")?.querySelector("a.open")?.click();
  });
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
