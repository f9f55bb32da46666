// A small page as a team would write it: one signs in, renames a note, adds a picture, and sees what others do as they do it.
// Whatever reaches the person as trouble stands in #trouble. A request that met a dying server is sent again under its key; how
// often that was is counted in #tries.

import PocketBase from "./pocketbase.es.mjs";

const pb = new PocketBase("/");
pb.autoCancellation(false);
const $ = (name) => document.querySelector(name);
const trouble = (what) => { $("#trouble").textContent += `${what}\n`; };

pb.beforeSend = (url, options) => {
  const key = crypto.randomUUID();
  options.fetch = async (url, config) => {
    for (let attempt = 0; ; attempt += 1) {
      const headers = config.method === "GET" ? config.headers : { ...config.headers, "Idempotency-Key": key };
      const answer = await fetch(url, { ...config, headers }).catch((error) => error);
      const failed = answer instanceof Error || answer.status === 502 || answer.status === 503;
      if (!failed || attempt === 20) {
        if (answer instanceof Error) throw answer;
        return answer;
      }
      $("#tries").textContent = Number($("#tries").textContent) + 1;
      await new Promise((later) => setTimeout(later, 100));
    }
  };
  return { url, options };
};

const show = (note) => {
  const line = document.getElementById(note.id) ?? $("#notes").appendChild(document.createElement("li"));
  line.id = note.id;
  line.textContent = note.title;
  line.dataset.picture = note.picture;
};

const read = async () => (await pb.collection("notes").getFullList()).forEach(show);

$("#sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  try {
    await pb.collection("users").authWithPassword(form.get("email"), form.get("password"));
    // whoever comes back to the stream reads what it may have missed
    await pb.realtime.subscribe("PB_CONNECT", () => read().catch(trouble));
    await pb.collection("notes").subscribe("*", (event) => show(event.record));
    await read();
    $("main").hidden = false;
  } catch (error) {
    trouble(error);
  }
});

$("#title").addEventListener("change", async (event) => {
  await pb.collection("notes").update("note00000000001", { title: event.target.value }).then(show, trouble);
});

$("#picture").addEventListener("change", async (event) => {
  try {
    const note = await pb.collection("notes").update("note00000000001", { picture: event.target.files[0] });
    show(note);
    $("#shown").src = pb.files.getURL(note, note.picture);
  } catch (error) {
    trouble(error);
  }
});
