// The shell: who is signed in, where one is, and the view that goes with it. Addresses are behind the #.

import { h, fill, icon } from "./dom.js";
import { button, trouble } from "./parts.js";
import * as session from "./session.js";

/** @typedef {{root: HTMLElement, id: string, query: URLSearchParams, signal: AbortSignal, title: (text: string) => void, again: () => void, keep: (isChanged: () => boolean) => void}} Page */

/** Noun in the address -> the view of one, the view of all. @type {Record<string, {one?: () => Promise<any>, all: () => Promise<any>}>} */
const VIEWS = {
  new: { all: () => import("./views/new.js") },
  cards: { all: () => import("./views/cards.js"), one: () => import("./views/card.js") },
  batches: { all: () => import("./views/batches.js"), one: () => import("./views/batch.js") },
  books: { all: () => import("./views/books.js"), one: () => import("./views/book.js") },
  profiles: { all: () => import("./views/profiles.js"), one: () => import("./views/profile.js") },
  jobs: { all: () => import("./views/jobs.js"), one: () => import("./views/job.js") },
  costs: { all: () => import("./views/costs.js") },
};
const NAV = [["new", "Forge", "forge"], ["cards", "Cards", "cards"], ["batches", "Batches", "batches"], ["books", "Lore", "books"],
  ["profiles", "Profiles", "profiles"], ["jobs", "Jobs", "jobs"], ["costs", "Costs", "costs"]];
const FIRST = "cards";

const shell = /** @type {HTMLElement} */ (document.getElementById("shell"));
/** @type {AbortController} */
let leaving = new AbortController();
/** @type {() => boolean} */
let isChanged = () => false;
let address = "";

/** What the address says: `#/cards/char_1?edit=1` -> noun, id, query. */
function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [noun, id = ""] = path.split("/");
  return { noun: noun in VIEWS ? noun : FIRST, id: decodeURIComponent(id), query: new URLSearchParams(query) };
}

/** Show the view of the address. */
async function show() {
  if (location.hash === address && address) return;
  if (isChanged() && !window.confirm("There are changes that are not saved. Leave them?")) {
    history.replaceState(null, "", address);
    return;
  }
  const isFirst = !address;
  address = location.hash || "#/";
  leaving.abort();
  leaving = new AbortController();
  isChanged = () => false;
  const { noun, id, query } = place();
  mark(noun);
  const root = h("div.view");
  const view = VIEWS[noun];
  const page = { root, id, query, signal: leaving.signal, title, again, keep: (/** @type {() => boolean} */ asks) => (isChanged = asks) };
  fill(/** @type {HTMLElement} */ (document.getElementById("main")), root);
  window.scrollTo(0, 0);
  try {
    const module = await (id && view.one ? view.one() : view.all());
    if (page.signal.aborted) return;
    await module.show(page);
  } catch (error) {
    if (page.signal.aborted) return;
    fill(root, h("header.head", h("h1", { tabindex: "-1" }, "This cannot be shown")), trouble(error),
      h("div.actions", button("Try again", again), h("a.button", { href: `#/${noun}` }, "Go to the list")));
  }
  if (!isFirst) /** @type {HTMLElement|null} */ (root.querySelector("h1"))?.focus({ preventScroll: true });
}

function again() {
  address = "";
  show();
}

/** @param {string} text */
function title(text) {
  document.title = `${text} · Cardforge Studio`;
}

/** @param {string} noun */
function mark(noun) {
  for (const link of shell.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#/${noun}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function themeSwitch() {
  const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const paint = () => fill(node, icon(isDark() ? "sun" : "moon"), h("span", isDark() ? "Light" : "Dark"));
  const node = button("", () => {
    const wanted = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = wanted;
    try {
      localStorage.setItem("cardforge.theme", wanted);
    } catch {
      // storage is switched off: it holds until the page is closed
    }
    paint();
  }, { kind: "bare", label: "Switch between light and dark" });
  paint();
  return node;
}

function frame() {
  const leave = () => {
    session.signOut();
    address = "";
    leaving.abort();
    start();
  };
  fill(shell,
    h("header.rail",
      h("a.brand", { href: "#/cards" }, h("span.brand-card", { "aria-hidden": "true" }, "♦"), h("span", "Cardforge", h("small", "Studio"))),
      h("nav", { "aria-label": "Main" }, h("ul", NAV.map(([noun, text, drawing]) =>
        h("li", h("a", { href: `#/${noun}`, class: noun === "new" ? "is-forge" : "" }, icon(drawing), h("span", text)))))),
      h("div.rail-foot", themeSwitch(), h("a.bare", { href: "/api/v2/docs" }, icon("books"), h("span", "API")),
        button("Sign out", leave, { icon: "leave", kind: "bare", label: "Sign out" }))),
    h("main", { id: "main", tabindex: "-1" }));
}

function start() {
  document.documentElement.classList.toggle("is-signed-in", Boolean(session.key()));
  if (!session.key()) {
    title("Sign in");
    fill(shell, session.signInPage(start));
    /** @type {HTMLElement|null} */ (shell.querySelector("input"))?.focus();
    return;
  }
  frame();
  show();
}

document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // the # is the address of the view
  document.getElementById("main")?.focus();
});
window.addEventListener("hashchange", () => session.key() && show());
window.addEventListener("beforeunload", (event) => isChanged() && event.preventDefault());
start();
