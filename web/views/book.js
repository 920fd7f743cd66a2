// One lorebook: its entries, what collides, and a chat to try it on.

import { ApiError, change, get, getTagged, post, save } from "../api.js";
import { debounce, fill, h, icon, newId } from "../dom.js";
import { plural, short, whole, words } from "../format.js";
import { ask, back, button, confirm, conflict, empty, field, figure, guarded, head, linkButton, select, toast, trouble } from "../parts.js";
import { findingOf } from "./card.js";

const FORMATS = [["worldinfo", "World Info (SillyTavern)"], ["lorebook_v3", "Lorebook V3"], ["character_book", "character_book (V2)"]];
const CATEGORIES = ["", "world", "event", "faction", "place", "person", "thing"];
const PLACES = ["before_char", "after_char"];

/** @param {import("../app.js").Page} page */
export async function show(page) {
  const desk = { page, path: `/character-books/${page.id}`, book: /** @type {any} */ (null), etag: /** @type {string|null} */ (null), findings: /** @type {any[]} */ ([]), category: "", found: /** @type {Map<string, any>|null} */ (null),
    head: h("div"), chips: h("div.chips"), entries: h("ul.entries"), count: h("p.quiet-text", { role: "status" }), lint: h("div"), figures: h("dl.figures") };
  await read(desk);
  fill(page.root, desk.head, h("div.book-page",
    h("section", { "aria-label": "Entries" }, h("section.paper", desk.figures), searchBar(desk), desk.chips, desk.count, desk.entries),
    h("aside", simulator(desk), desk.lint)));
  paint(desk);
  await lint(desk);
}

/** @param {any} desk */
async function read(desk) {
  const { data, etag } = await getTagged(desk.path, desk.page.signal);
  Object.assign(desk, { book: data, etag });
}

/** @param {any} desk */
async function again(desk) {
  await read(desk);
  paint(desk);
  await lint(desk);
}

/** @param {any} desk */
function paint(desk) {
  const { book } = desk;
  desk.page.title(book.name || "Lorebook");
  fill(desk.head, head(book.name || "Lorebook", book.description, [
    button("Add an entry…", guarded(() => editEntry(desk, null)), { icon: "forge" }),
    button("Download…", guarded(() => download(desk)), { icon: "down", kind: "primary" }),
    book.character_id && linkButton(`#/cards/${book.character_id}`, "Its card", { icon: "cards" }),
  ], back("#/books", "Lorebooks")));
  const off = book.entries.filter((/** @type {any} */ one) => !one.enabled).length;
  fill(desk.figures, figure("Entries", whole(book.entries.length), off > 0 && `${off} off`),
    figure("Tokens in all", short(book.metadata.total_tokens)), figure("Budget", book.token_budget === null ? "–" : short(book.token_budget), "tokens of a prompt"),
    figure("Looks back", book.scan_depth === null ? "–" : plural(book.scan_depth, "message"), book.recursive_scanning ? "entries bring up entries" : null));
  const counts = Map.groupBy(book.entries, (/** @type {any} */ one) => one.category || "");
  fill(desk.chips, ["*", ...counts.keys()].length > 2 && [["", "All", book.entries.length], ...[...counts].map(([name, list]) => [name || "-", name ? words(name) : "No category", list.length])]
    .map(([value, text, count]) => h("button.chip", { type: "button", "aria-pressed": String(desk.category === value), onclick: () => ((desk.category = value), paint(desk)) }, text, " ", h("span.number", count))));
  paintEntries(desk);
}

/** @param {any} desk */
function paintEntries(desk) {
  const { book, category, found } = desk;
  const listed = found ? [...found.keys()].map((id) => book.entries.find((/** @type {any} */ one) => one.id === id)).filter(Boolean) : book.entries;
  const shown = listed.filter((/** @type {any} */ one) => !category || (one.category || "-") === category);
  const keyed = collisions(book.entries);
  desk.count.textContent = found || category ? `${plural(shown.length, "entry", "entries")}, ${whole(shown.reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one.metadata.tokens, 0))} tokens` : "";
  fill(desk.entries, shown.map((/** @type {any} */ entry) => entryOf(desk, entry, keyed, found?.get(entry.id))));
  if (!book.entries.length) fill(desk.entries, h("li", empty("No entry yet", "An entry is a note that comes into the prompt when one of its keys comes up.", button("Add an entry…", guarded(() => editEntry(desk, null)), { icon: "forge", kind: "primary" }))));
  else if (!shown.length) fill(desk.entries, h("li", empty("Nothing found", "Try another word, or all categories.")));
}

/** The keys that several entries that are on share. @param {any[]} entries @returns {Map<string, string[]>} key -> names of its entries */
function collisions(entries) {
  const owners = new Map();
  for (const entry of entries.filter((one) => one.enabled)) {
    for (const key of new Set(entry.keywords.map((/** @type {string} */ one) => one.trim().toLowerCase()))) owners.set(key, [...(owners.get(key) ?? []), entry.name]);
  }
  return new Map([...owners].filter(([, names]) => names.length > 1));
}

/** @param {any} desk @param {any} entry @param {Map<string, string[]>} keyed @param {any} hit */
function entryOf(desk, entry, keyed, hit) {
  const at = desk.book.entries.indexOf(entry);
  const notes = desk.findings.filter((/** @type {any} */ one) => one.field.startsWith(`entries[${at}]`));
  const key = (/** @type {string} */ text) => {
    const shared = keyed.get(text.trim().toLowerCase());
    const isHit = hit?.matched_keywords.includes(text);
    return h("li.chip.key", { class: `${shared ? "is-shared" : ""} ${isHit ? "is-hit" : ""}` }, text, shared && h("span.visually-hidden", ` collides with ${shared.filter((one) => one !== entry.name).join(", ")}`), shared && h("i", { title: `Also a key of ${shared.filter((one) => one !== entry.name).join(", ")}` }, "⚠"));
  };
  return h("li.entry", { class: entry.enabled ? "" : "is-off", id: entry.id },
    h("header", h("h3", entry.name || "Without a name"), h("span.entry-facts", entry.category && h("span.chip", entry.category), entry.constant && h("span.chip.is-on", "always on"), !entry.enabled && h("span.chip", "off"), h("small.number", `${whole(entry.metadata.tokens)} tokens`)),
      h("div.actions", button("", guarded(() => editEntry(desk, entry)), { icon: "edit", kind: "bare", label: `Edit: ${entry.name}` }))),
    h("p.entry-text", hit?.highlight ? marked(hit.highlight) : entry.content),
    (entry.keywords.length > 0 || entry.secondary_keywords.length > 0) && h("ul.chips", { "aria-label": "Keys" }, entry.keywords.map(key), entry.secondary_keywords.map((/** @type {string} */ text) => h("li.chip.key.is-second", text))),
    notes.length > 0 && h("ul.findings", notes.map(findingOf)));
}

/** A text in which the API has put <mark> around what was found; all else stays text. @param {string} text */
const marked = (text) => text.split(/(<mark>[\s\S]*?<\/mark>)/).map((part) => (part.startsWith("<mark>") && part.endsWith("</mark>") ? h("mark", part.slice(6, -7)) : part));

/** @param {any} desk */
function searchBar(desk) {
  const id = newId();
  const search = async (/** @type {any} */ event) => {
    const query = event.target.value.trim();
    try {
      const hits = query ? (await post(`${desk.path}/search`, { query, limit: 200 })).results : null;
      if (query !== event.target.value.trim()) return;
      desk.found = hits && new Map(hits.map((/** @type {any} */ one) => [one.entry.id, one]));
      paintEntries(desk);
    } catch (error) {
      fill(desk.count, trouble(error));
    }
  };
  return h("div.bar", { role: "search" }, h("div.search.grow", h("label.visually-hidden", { for: id }, "Search the entries"), icon("search"),
    h("input", { id, type: "search", maxlength: 500, autocomplete: "off", placeholder: 'Words, "a phrase", -not', oninput: debounce(search) })));
}

/** @param {any} desk */
async function lint(desk) {
  try {
    const { findings, score } = await get(`${desk.path}/lint`, undefined, desk.page.signal);
    desk.findings = findings;
    paintEntries(desk);
    const whole_ = findings.filter((/** @type {any} */ one) => !/^entries\[/.test(one.field));
    fill(desk.lint, h("section.paper.score", h("h2", "Quality"), h("p.overall", h("strong", score.overall), " of 100"),
      whole_.length ? h("ul.findings", whole_.map(findingOf)) : h("p.quiet-text", "Nothing to say of the book as a whole.")));
  } catch (error) {
    if (/** @type {any} */ (error)?.name !== "AbortError") fill(desk.lint, trouble(error));
  }
}

/** @param {any} desk */
function simulator(desk) {
  const chat = h("textarea", { rows: 4, placeholder: "We reach the harbour.\nWho lives up there?", maxlength: 100_000 });
  const budget = h("input", { type: "number", min: 0, max: 1_000_000, placeholder: desk.book.token_budget ?? "as usual" });
  const depth = h("input", { type: "number", min: 0, max: 1000, placeholder: desk.book.scan_depth ?? "as usual" });
  const told = h("div.outcome", { role: "status" });
  const run = async () => {
    const messages = chat.value.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean);
    if (!messages.length) return fill(told, "");
    /** @type {Record<string, any>} */
    const body = { messages };
    if (budget.value) body.token_budget = Number(budget.value);
    if (depth.value) body.scan_depth = Number(depth.value);
    try {
      fill(told, outcome(await post(`${desk.path}/simulate`, body)));
    } catch (error) {
      fill(told, trouble(error));
    }
  };
  const soon = debounce(run, 350);
  for (const control of [chat, budget, depth]) control.addEventListener("input", soon);
  return h("section.paper.simulator", h("h2", "Try a message"), h("p.quiet-text", "Which entries would fire, as SillyTavern has it."),
    field("Chat, one message a line", chat, { hint: "The last line is the newest." }), h("div.pair", field("Budget", budget), field("Looks back", depth)), told);
}

/** @param {any} found */
function outcome(found) {
  const row = (/** @type {any} */ one) => h("li", h("a", { href: `#${one.entry_id}`, onclick: (/** @type {Event} */ e) => {
    e.preventDefault();
    const entry = document.getElementById(one.entry_id);
    entry?.scrollIntoView({ block: "center", behavior: "smooth" });
    entry?.classList.add("is-shown");
    setTimeout(() => entry?.classList.remove("is-shown"), 2000);
  } }, one.title), one.match && [" ", h("mark", one.match.key)], h("small", `${one.detail} · ${whole(one.tokens)} tokens`));
  const percent = found.budget ? Math.min(100, (100 * found.tokens) / found.budget) : 0;
  return [h("p", h("strong", `${plural(found.activated.length, "entry", "entries")} would fire`), h("small.number", ` ${whole(found.tokens)} of ${whole(found.budget)} tokens, ${Math.round(percent)} %`)),
    found.activated.length > 0 && h("ul.fired", found.activated.map(row)),
    found.cut.length > 0 && [h("p", h("strong", `${found.cut.length} cut by the budget`)), h("ul.fired.is-cut", found.cut.map(row))],
    h("details", h("summary", `${found.skipped.length} stay silent`), h("ul.fired.is-silent", found.skipped.map(row)))];
}

/** @param {any} desk @param {any} entry null for a new one */
async function editEntry(desk, entry) {
  const said = entry ?? { name: "", content: "", keywords: [], secondary_keywords: [], category: "", insertion_order: 100, position: "before_char", constant: false, enabled: true };
  const tick = (/** @type {string} */ name, /** @type {string} */ text) => ({ name, node: h("label.check", h("input", { type: "checkbox", checked: said[name] }), text) });
  const ticks = [tick("enabled", "On"), tick("constant", "Always in the prompt")];
  const controls = {
    name: h("input", { value: said.name, maxlength: 5000 }), content: h("textarea", { value: said.content, rows: 6 }),
    keywords: h("textarea.short", { value: said.keywords.join("\n"), rows: 2 }), secondary_keywords: h("textarea.short", { value: said.secondary_keywords.join("\n"), rows: 1 }),
    category: select([...new Set([...CATEGORIES, said.category])].map((one) => [one, one || "none"]), said.category),
    insertion_order: h("input", { type: "number", step: "any", value: said.insertion_order }), position: select([...new Set([...PLACES, said.position])].map((one) => [one, words(one)]), said.position),
  };
  const list = (/** @type {any} */ control) => control.value.split("\n").map((/** @type {string} */ one) => one.trim()).filter(Boolean);
  const body = () => ({ ...kept(entry), name: controls.name.value, content: controls.content.value, keywords: list(controls.keywords), secondary_keywords: list(controls.secondary_keywords),
    selective: list(controls.secondary_keywords).length > 0, category: controls.category.value, insertion_order: Number(controls.insertion_order.value), position: controls.position.value,
    ...Object.fromEntries(ticks.map(({ name, node }) => [name, node.querySelector("input").checked])) });
  const wrong = h("div");
  const store = () => saveEntry(desk, entry, body(), wrong);
  /** @type {{value: string, text: string, kind?: string, check?: () => any}[]} */
  const choices = [{ value: "", text: "Cancel" }, { value: "done", text: entry ? "Save" : "Add", kind: "primary", check: store }];
  if (entry) choices.unshift({ value: "delete", text: "Delete", kind: "danger" });
  const end = await ask(entry ? `Edit: ${entry.name}` : "A new entry", h("div.form",
    field("Name", controls.name), field("Category", controls.category), field("Content", controls.content, { wide: true }), field("Keys", controls.keywords, { hint: "One a line: any of them makes it fire.", wide: true }),
    field("Second keys", controls.secondary_keywords, { hint: "One a line. If there are any, one of them has to come up too.", wide: true }), field("Order", controls.insertion_order, { hint: "Higher: nearer the end, and stronger." }), field("Place", controls.position), h("div.wide.actions", ticks.map(({ node }) => node)), h("div.wide", wrong)), choices, "wide");
  if (end === "delete" && (await confirm(`Delete ${entry.name}?`, "It is gone from the lorebook then.", "Delete"))) await change("DELETE", `${desk.path}/entries/${entry.id}`, { ifMatch: desk.etag });
  else if (end !== "done") return;
  await again(desk);
}

/** What an entry keeps that the form does not show. @param {any} entry */
function kept(entry) {
  if (!entry) return {};
  const { priority, comment, case_sensitive, use_regex } = entry;
  return { priority, comment, case_sensitive, use_regex };
}

/** @param {any} desk @param {any} entry @param {any} body @param {HTMLElement} wrong @returns {Promise<boolean>} whether the dialog may close */
async function saveEntry(desk, entry, body, wrong) {
  try {
    if (entry) await change("PUT", `${desk.path}/entries/${entry.id}`, { json: body, ifMatch: desk.etag });
    else await change("POST", `${desk.path}/entries`, { json: body, ifMatch: desk.etag, once: crypto.randomUUID() });
    toast("Saved.");
    return true;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 412) return fill(wrong, trouble(error)), false;
    await read(desk);
    const theirs = desk.book.entries.find((/** @type {any} */ one) => one.id === entry?.id) ?? {};
    const text = (/** @type {any} */ value) => (Array.isArray(value) ? value.join(", ") : String(value ?? ""));
    const differences = Object.keys(body).filter((name) => text(body[name]) !== text(theirs[name])).map((name) => ({ name: words(name), mine: text(body[name]), theirs: text(theirs[name]) }));
    const said = await conflict("lorebook", error, differences);
    return said === "mine" ? saveEntry(desk, entry, body, wrong) : said === "theirs";
  }
}

/** @param {any} desk */
async function download(desk) {
  const what = select(/** @type {any} */ (FORMATS), "worldinfo");
  await ask("Download this lorebook", field("As", what), [{ value: "", text: "Cancel" }, { value: "done", text: "Download", kind: "primary", check: () => save(`${desk.path}/download/${what.value}`) }]);
}
