// The API key: kept for this tab, or on this device; asked for again when it no longer holds, over what is on screen.

import { h, icon, newId } from "./dom.js";

const NAME = "cardforge.key";

/** @type {string|null} */
let held = read();
/** @type {Promise<void>|null} */
let asking = null;

function read() {
  try {
    return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);
  } catch {
    return null; // storage is switched off: the key lives as long as the page
  }
}

/** Return the key, or null. */
export const key = () => held;

/** Say whether the key outlives this tab. */
export function isKept() {
  try {
    return localStorage.getItem(NAME) !== null;
  } catch {
    return false;
  }
}

/** @param {string} secret @param {boolean} keep on this device, beyond this tab */
function remember(secret, keep) {
  held = secret;
  try {
    sessionStorage.removeItem(NAME);
    localStorage.removeItem(NAME);
    (keep ? localStorage : sessionStorage).setItem(NAME, secret);
  } catch {
    // as above
  }
}

/** Forget the key. */
export function signOut() {
  remember("", false);
  held = null;
  try {
    sessionStorage.removeItem(NAME);
  } catch {
    // as above
  }
}

/** Ask the API whether a key is good. @param {string} secret @returns {Promise<string>} what is wrong, or "" */
async function tryKey(secret) {
  const headers = { Authorization: `Bearer ${secret}` };
  try {
    const answer = await fetch("/api/v2/user/usage/current-month", { headers });
    return answer.ok ? "" : (await answer.json()).message;
  } catch {
    return "Cardforge does not answer. Is it running? Try again.";
  }
}

/**
 * The form that asks for a key.
 * @param {() => void} done called once a good key is held
 * @param {string} [why] what to say first
 */
export function keyForm(done, why = "") {
  const id = newId();
  const input = h("input", { id, name: "key", type: "password", autocomplete: "current-password", required: true,
    spellcheck: "false", placeholder: "cf_…", "aria-describedby": `${id}-wrong` });
  const keep = h("input", { type: "checkbox", name: "keep", checked: isKept() });
  const wrong = h("p.wrong", { id: `${id}-wrong`, role: "alert" }, why);
  const button = h("button.primary", { type: "submit" }, "Sign in");
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    const fault = await tryKey(input.value.trim());
    button.disabled = false;
    wrong.textContent = fault;
    input.setAttribute("aria-invalid", String(Boolean(fault)));
    if (fault) return input.select();
    remember(input.value.trim(), keep.checked);
    done();
  };
  return h("form.key-form", { onsubmit: submit },
    h("label", { for: id }, "API key"), input, wrong,
    h("label.check", keep, "Keep me signed in on this device"), button);
}

/**
 * Ask for another key, over what is on screen; resolves once there is one.
 * @param {string|null} refused the key that no longer holds
 * @param {string} message what the API said
 */
export function renew(refused, message) {
  if (held && held !== refused) return Promise.resolve(); // another request has asked already
  asking ??= new Promise((resolve) => {
    const done = () => {
      dialog.close();
      dialog.remove();
      asking = null;
      resolve();
    };
    const dialog = h("dialog.paper.key-dialog", { "aria-labelledby": "renew-title", oncancel: (/** @type {Event} */ e) => e.preventDefault() },
      h("h2", { id: "renew-title" }, "Your key no longer works"),
      h("p", "Nothing is lost: what you were doing goes on once you have signed in again."), keyForm(done, message));
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}

/** The page for whoever has no key yet. @param {() => void} done */
export function signInPage(done) {
  return h("main.sign-in", { id: "main", tabindex: "-1" },
    h("div.fan", { "aria-hidden": "true" }, ...["♠", "♦", "♣"].map((suit) => h("span.back", h("i", suit)))),
    h("section.paper",
      h("h1", "Cardforge Studio"),
      h("p.lead", "Turn notes, wiki pages and chapters into finished character cards."),
      keyForm(done),
      h("p.note", icon("profiles"), h("span", "The first key is in ", h("code", ".cardforge/api-key"), ", written when ",
        h("code", "make up"), " first ran. More: ", h("code", "cardforge keys create"), ".")),
    ));
}
