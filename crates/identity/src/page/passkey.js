// Makes a passkey, or uses one: what the browser gives is put into the form, and the form is sent like any other.
"use strict";

const form = document.querySelector("form.passkey");
const { origin, ask, options, refused, failed, there } = form.dataset;

/** What the browser is to be asked for: it stands in the page, or is fetched when it is needed, since it does not last. */
async function wanted() {
  if (options) return JSON.parse(options);
  const answer = await fetch(ask, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  if (!answer.ok) throw new Error(answer.status);
  return (await answer.json()).publicKey;
}

async function credential() {
  if (options) {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(await wanted()) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(await wanted()) });
}

function tell(text) {
  const fault = form.querySelector("[role=alert]");
  fault.textContent = text;
  fault.hidden = !text;
}

// passkeys are for one address of the service only
if (location.origin === origin && window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    tell("");
    try {
      form.elements.credential.value = JSON.stringify((await credential()).toJSON());
      form.submit();
    } catch (error) {
      tell({ NotAllowedError: refused, InvalidStateError: there || failed }[error.name] || failed);
      button.disabled = false;
    }
  });
} else {
  document.querySelector(".no-passkey")?.removeAttribute("hidden");
}
