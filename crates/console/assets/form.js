// Forms: pictures are shown before they are sent, JSON is looked at while it is typed, pickers search as one types,
// and a form that was changed asks before it is left.

for (const input of document.querySelectorAll("input[type=file][data-preview]")) {
  const shelf = document.getElementById(input.dataset.preview);
  input.addEventListener("change", () => {
    shelf.replaceChildren();
    for (const file of input.files) {
      const figure = document.createElement("div");
      figure.className = "file";
      const frame = document.createElement("div");
      frame.className = "frame";
      if (file.type.startsWith("image/")) {
        const picture = new Image();
        picture.alt = "";
        picture.src = URL.createObjectURL(file);
        picture.onload = () => URL.revokeObjectURL(picture.src);
        frame.append(picture);
      } else {
        frame.textContent = file.name.split(".").pop().toUpperCase();
      }
      const name = document.createElement("span");
      name.className = "name";
      name.textContent = file.name;
      figure.append(frame, name);
      shelf.append(figure);
    }
  });
}

for (const area of document.querySelectorAll("textarea[data-json]")) {
  const fault = document.getElementById(`${area.id}-fault`);
  area.addEventListener("input", () => {
    let isGood = true;
    try {
      if (area.value.trim() !== "") JSON.parse(area.value);
    } catch {
      isGood = false;
    }
    area.setAttribute("aria-invalid", String(!isGood));
    fault.textContent = isGood ? "" : area.dataset.json;
  });
}

for (const search of document.querySelectorAll("input[data-pick]")) {
  const list = document.getElementById(search.dataset.list);
  let turn = 0;
  const look = async () => {
    const mine = ++turn;
    const chosen = new Map([...list.querySelectorAll("input:checked")].map((box) => [box.value, box.closest("label")]));
    const address = new URL(search.dataset.pick, location.href);
    address.searchParams.set("q", search.value);
    const reply = await fetch(address, { headers: { accept: "text/html" } });
    if (!reply.ok || mine !== turn) return;
    const parsed = new DOMParser().parseFromString(await reply.text(), "text/html");
    const found = [...parsed.querySelectorAll("label")].filter((label) => !chosen.has(label.querySelector("input").value));
    list.replaceChildren(...chosen.values(), ...found);
  };
  let wait;
  search.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(look, 180);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      look();
    }
  });
}

const guarded = document.querySelector("form[data-guarded]");
if (guarded) {
  let isChanged = guarded.hasAttribute("data-changed");
  guarded.addEventListener("input", () => { isChanged = true; });
  guarded.addEventListener("submit", () => { isChanged = false; });
  addEventListener("beforeunload", (event) => { if (isChanged) event.preventDefault(); });
}
