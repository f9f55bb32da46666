// The script of /auth/passkey. What it says to people stands in the page; what it does is four requests.
"use strict";

const page = document.body.dataset;
const part = (id) => document.getElementById(id);
// where the client library keeps who has signed in
const KEPT = "pocketbase_auth";

function tell(text, isFault) {
  const told = part("told");
  told.textContent = text;
  told.setAttribute("role", isFault ? "alert" : "status");
}

async function ask(what, body, token) {
  const headers = { "Content-Type": "application/json", ...(token ? { Authorization: token } : {}) };
  const url = `/api/collections/${encodeURIComponent(page.collection)}/${what}`;
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const said = await answer.json();
  if (said.mfaId) throw new Error(page.second);
  if (!answer.ok) throw Object.assign(new Error(said.message || page.failed), { status: answer.status });
  return said;
}

function keep(signedIn) {
  localStorage.setItem(KEPT, JSON.stringify({ token: signedIn.token, record: signedIn.record }));
}

/** The token of whoever has signed in already under this address; none for anybody else. */
function kept(identity) {
  try {
    const { token, record } = JSON.parse(localStorage.getItem(KEPT));
    return record.collectionName === page.collection && record.email === identity ? token : "";
  } catch {
    return "";
  }
}

async function signIn() {
  const { publicKey } = await ask("passkey-sign-in-options", {});
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
  const credential = await navigator.credentials.get({ publicKey: options });
  keep(await ask("auth-with-passkey", { credential: credential.toJSON() }));
  return page.signedIn;
}

async function add() {
  const [identity, password, name] = ["identity", "password", "name"].map((id) => part(id).value);
  let token = kept(identity);
  const begin = () => ask("passkey-register-options", { password }, token);
  let begun = token && (await begin().catch((error) => {
    if (error.status !== 401) throw error;
  }));
  if (!begun) {
    const signedIn = await ask("auth-with-password", { identity, password });
    keep(signedIn);
    token = signedIn.token;
    begun = await begin();
  }
  const { publicKey } = begun;
  const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
  const credential = await navigator.credentials.create({ publicKey: options });
  await ask("passkey-register", { credential: credential.toJSON(), name }, token);
  part("add").reset();
  return page.added;
}

/** Does one thing at a time, and says how it went. */
async function run(doing) {
  const buttons = [...document.querySelectorAll("button")];
  buttons.forEach((button) => { button.disabled = true; });
  tell("");
  try {
    tell(await doing());
  } catch (error) {
    const known = { NotAllowedError: page.refused, InvalidStateError: page.there };
    tell(known[error.name] || error.message || page.failed, true);
  }
  buttons.forEach((button) => { button.disabled = false; });
}

if (location.origin !== page.origin) {
  // passkeys are for one address of the service only
  location.replace(page.origin + location.pathname + location.search);
} else if (!window.PublicKeyCredential || !PublicKeyCredential.parseCreationOptionsFromJSON) {
  tell(page.old, true);
} else {
  part("ways").hidden = false;
  part("sign-in").addEventListener("click", () => run(signIn));
  part("add").addEventListener("submit", (event) => {
    event.preventDefault();
    run(add);
  });
}
