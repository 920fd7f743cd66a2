// The forge: source material in, a batch out. What is typed is kept until it is sent.

import { ApiError, get, post } from "../api.js";
import { debounce, fill, h } from "../dom.js";
import { FORMATS } from "../files.js";
import { duration, money, plural, short, size, whole } from "../format.js";
import { all, blameOptions, optionForm, summary } from "../options.js";
import { ask, blame, button, field, guarded, head, select, toast, trouble } from "../parts.js";
import { inOrder } from "../profiles.js";
import { takeDrops } from "./cards.js";

const DRAFT = "cardforge.draft";
const LONGEST = 200_000; // characters of one source
const SHOWN = 60; // slips that are drawn
const STYLES = [["", "as usual"], ["tarot", "Tarot card"], ["glass", "Stained glass"], ["poster", "Travel poster"]];
const CARD_FILES = /\.(png|charx|zip)$/i;

/** @typedef {{name: string, text: string}} Slip */
/** @typedef {{slips: Slip[], separator: string, name: string, profile_id: string, budget: string, concurrent: string, options: Record<string, any>}} Draft */

/** @returns {Draft} */
const blank = () => ({ slips: [{ name: "", text: "" }], separator: "---", name: "", profile_id: "profile_default", budget: "", concurrent: "10", options: { format: ["tavernai", "json", "v2"] } });

/** @returns {Draft} */
function draftOf() {
  try {
    return { ...blank(), ...JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}") };
  } catch {
    return blank();
  }
}

/** @param {Draft|null} draft */
function keepDraft(draft) {
  try {
    if (draft) sessionStorage.setItem(DRAFT, JSON.stringify(draft));
    else sessionStorage.removeItem(DRAFT);
  } catch {
    // too large for the store, or no store: it lives as long as the page
  }
}

/** @param {import("../app.js").Page} page */
export async function show(page) {
  page.title("Forge");
  const draft = draftOf();
  const desk = { draft, page, slips: h("ol.slips"), count: h("p.quiet-text", { role: "status" }), estimate: h("div.estimate"), chosen: h("ul.chips"), wrong: h("div"), sent: { body: "", once: "" }, controls: /** @type {any} */ ({}) };
  const file = h("input.visually-hidden", { type: "file", multiple: true, tabindex: -1, "aria-hidden": "true", onchange: () => takeFiles(desk, [...file.files]) });
  takeDrops(page.root, (files) => takeFiles(desk, files));
  const { profiles } = await get("/profiles", { limit: 200 }, page.signal);
  fill(page.root, head("Forge cards", "One character from each source: a few notes, a wiki page, a chapter."),
    h("div.forge",
      h("section.sources", { "aria-labelledby": "sources" },
        h("div.section-head", h("h2", { id: "sources" }, "Source material"), desk.count),
        desk.slips,
        h("div.actions", button("Another card", () => addSlips(desk, [{ name: "", text: "" }], true), { icon: "forge" }), button("Add files…", () => file.click(), { icon: "up" }), file,
          h("span.note", "or drop them anywhere on this page")),
        separatorBar(desk)),
      h("form.paper.deal-panel", { "aria-label": "How to write them", onsubmit: (/** @type {Event} */ e) => e.preventDefault() }, panel(desk, inOrder(profiles)))));
  paintSlips(desk);
  changed(desk);
}

/** @param {any} desk */
function changed(desk) {
  keepDraft(desk.draft);
  const filled = desk.draft.slips.filter((/** @type {Slip} */ slip) => slip.text.trim());
  const length = filled.reduce((/** @type {number} */ sum, /** @type {Slip} */ slip) => sum + slip.text.length, 0);
  fill(desk.count, filled.length > 0 && `${plural(filled.length, "card")}, ${size(length)}`);
  fill(desk.chosen, summary(desk.draft.options).filter((text) => !/^(Format|Portrait style)/.test(text)).map((text) => h("li.chip", text)));
  desk.reckon ??= debounce(() => estimate(desk), 500);
  desk.reckon();
}

/** @param {any} desk */
function separatorBar(desk) {
  const input = h("input", { value: desk.draft.separator, autocomplete: "off", oninput: () => {
    desk.draft.separator = input.value;
    for (const paint of desk.cuts) paint();
    changed(desk);
  } });
  return h("div.separator", field("Line that separates cards", input, { hint: "A source that holds such lines can be cut into one card for each part. Leave it empty to keep every file and paste whole." }));
}

/** @param {any} desk @param {Slip[]} slips @param {boolean} [focus] */
function addSlips(desk, slips, focus = false) {
  const { draft } = desk;
  draft.slips = [...draft.slips.filter((/** @type {Slip} */ slip) => slip.text.trim() || focus), ...slips];
  paintSlips(desk);
  changed(desk);
  if (focus) desk.slips.lastElementChild?.querySelector("textarea")?.focus();
}

/** @param {any} desk @param {File[]} files */
async function takeFiles(desk, files) {
  const isCard = files.find((file) => CARD_FILES.test(file.name));
  if (isCard) toast(`${isCard.name} is a finished card or an archive: import it on the page Cards.`, "bad");
  const slips = [];
  for (const file of files.filter((one) => !CARD_FILES.test(one.name))) {
    const text = await file.text();
    if (text.includes("\u0000") || text.includes("\ufffd")) toast(`${file.name} is no text in UTF-8: save it as plain text first.`, "bad");
    else slips.push({ name: file.name, text });
  }
  if (slips.length) addSlips(desk, slips);
}

/** The parts of a text between lines that are the separator. @param {string} text @param {string} separator */
function partsOf(text, separator) {
  if (!separator.trim()) return [text];
  const parts = [""];
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === separator.trim()) parts.push("");
    else parts[parts.length - 1] += (parts[parts.length - 1] ? "\n" : "") + line;
  }
  return parts.filter((part) => part.trim());
}

/** @param {any} desk */
function paintSlips(desk) {
  const { slips } = desk.draft;
  desk.cuts = [];
  desk.boxes = [];
  fill(desk.slips, slips.slice(0, SHOWN).map((/** @type {Slip} */ slip, /** @type {number} */ at) => slipOf(desk, slip, at)), slips.length > SHOWN && h("li.note", `and ${whole(slips.length - SHOWN)} more`));
}

/** @param {any} desk @param {Slip} slip @param {number} at */
function slipOf(desk, slip, at) {
  const note = h("small.hint");
  const cut = h("div");
  const box = h("textarea", { value: slip.text, rows: at || slip.text ? 4 : 9, spellcheck: "true", placeholder: at ? "Another source…" : "Paste notes, a wiki page, a chapter… or just a sentence:\n\nSir Galahad keeps watch at the chapel in the Silverwood. He fears only mirrors.",
    oninput: () => {
      slip.text = box.value;
      paint();
      changed(desk);
    } });
  const paint = () => {
    note.textContent = slip.text.length ? `${whole(slip.text.length)} characters` : "";
    blame(box, slip.text.length > LONGEST ? `A source takes ${whole(LONGEST)} characters: cut it.` : "");
    const parts = partsOf(slip.text, desk.draft.separator);
    fill(cut, parts.length > 1 && button(`Cut into ${parts.length} cards`, () => {
      desk.draft.slips.splice(desk.draft.slips.indexOf(slip), 1, ...parts.map((text, n) => ({ name: slip.name && `${slip.name}, part ${n + 1}`, text })));
      paintSlips(desk);
      changed(desk);
    }, { kind: "small" }));
  };
  const remove = button("", () => {
    desk.draft.slips.splice(desk.draft.slips.indexOf(slip), 1);
    if (!desk.draft.slips.length) desk.draft.slips.push({ name: "", text: "" });
    paintSlips(desk);
    changed(desk);
  }, { icon: "close", kind: "bare", label: `Take card ${at + 1} away` });
  desk.cuts.push(paint);
  desk.boxes.push(box);
  const node = field(slip.name || `Card ${at + 1}`, box);
  node.querySelector(".hint")?.append(note);
  const made = h("li.slip", node, h("div.slip-foot", cut), remove);
  queueMicrotask(paint);
  return made;
}

/** @param {any} desk @param {any[]} profiles */
function panel(desk, profiles) {
  const { draft, controls } = desk;
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => {
    draft[name] = event.target.value;
    changed(desk);
  };
  const own = profiles.map((one) => [one.id, one.is_builtin ? one.name : `${one.name} (yours)`]);
  const about = h("p.note.about-profile");
  const describe = () => (about.textContent = profiles.find((one) => one.id === draft.profile_id)?.description ?? "");
  controls.name = h("input", { value: draft.name, maxlength: 200, autocomplete: "off", oninput: set("name") });
  controls.profile_id = select(/** @type {any} */ (own), draft.profile_id, { onchange: (/** @type {any} */ e) => (set("profile_id")(e), describe()) });
  controls.max_cost_usd = h("input", { value: draft.budget, inputmode: "decimal", placeholder: "no limit", autocomplete: "off", oninput: set("budget") });
  controls.max_concurrent = h("input", { type: "number", value: draft.concurrent, min: 1, max: 1000, oninput: set("concurrent") });
  const style = select(/** @type {any} */ (STYLES), draft.options.portrait_style ?? "", { onchange: (/** @type {any} */ e) => {
    if (e.target.value) draft.options.portrait_style = e.target.value;
    else delete draft.options.portrait_style;
    changed(desk);
  } });
  controls.submit = button("Deal the cards", guarded(() => submit(desk)), { kind: "primary large", icon: "spark" });
  describe();
  return [h("h2", "How to write them"),
    h("div.pair", field("Profile", controls.profile_id), field("Portraits", style)), about,
    h("fieldset.ticks", h("legend", "Files to make"), h("div.chips", Object.entries(FORMATS).map(([value, text]) => h("label.check.chip", h("input", { type: "checkbox", value, checked: draft.options.format.includes(value), onchange: (/** @type {any} */ e) => {
      draft.options.format = Object.keys(FORMATS).filter((one) => (one === value ? e.target.checked : draft.options.format.includes(one)));
      changed(desk);
    } }), text)))),
    h("div.options-line", h("div", h("strong", "Options"), desk.chosen), button("All options…", guarded(() => chooseOptions(desk)), { icon: "options" })),
    h("div.pair", field("Budget, in dollars", controls.max_cost_usd), field("At one time", controls.max_concurrent)),
    field("Name of the batch", controls.name),
    h("div.deal-foot", desk.estimate, desk.wrong, controls.submit)];
}

/** @param {any} desk */
async function chooseOptions(desk) {
  const [options, profile] = await Promise.all([all(), get(`/profiles/${desk.draft.profile_id}`)]);
  const values = structuredClone(desk.draft.options);
  const form = optionForm(options.filter((option) => option.name !== "format"), values, { usual: (name) => profile.config[name] ?? options.find((one) => one.name === name)?.default, changed: () => {}, open: "content" });
  blameOptions(form.controls, desk.optionFaults ?? {});
  const said = await ask("Options", [h("p.quiet-text", "What you leave alone is as the profile says."), form.node], [
    { value: "", text: "Cancel" }, { value: "clear", text: "Clear all", kind: "quiet" }, { value: "use", text: "Use these", kind: "primary" }], "wide");
  if (said === "clear") desk.draft.options = { format: desk.draft.options.format };
  if (said === "use") desk.draft.options = values;
  if (said) changed(desk);
}

/** The request that the desk stands for. @param {Draft} draft */
function bodyOf({ slips, options, profile_id, budget, concurrent, name }) {
  const generations = slips.filter((slip) => slip.text.trim()).map((slip) => ({ source_material: slip.text, profile_id, options, metadata: slip.name ? { file: slip.name } : {} }));
  /** @type {Record<string, any>} */
  const batch_options = { name, max_concurrent: Number(concurrent) || 10 };
  if (budget.trim()) batch_options.max_cost_usd = dollarsOf(budget);
  return { generations, batch_options };
}

/** @param {string} text */
const dollarsOf = (text) => Number(text.replace(",", ".").replace("$", ""));

/** Say what is wrong with the budget; the API would see no number at all. @param {any} desk */
function isBudget(desk) {
  const isGood = !Number.isNaN(dollarsOf(desk.draft.budget));
  if (!isGood) blame(desk.controls.max_cost_usd, "Give an amount in dollars, such as 2.50.");
  return isGood;
}

/** @param {any} desk */
async function estimate(desk) {
  const body = bodyOf(desk.draft);
  const text = JSON.stringify(body);
  if (!body.generations.length) return fill(desk.estimate, h("p.quiet-text", "The estimate appears once there is a source."));
  if (text === desk.estimated || !isBudget(desk)) return;
  desk.estimated = text;
  desk.asking?.abort();
  desk.asking = new AbortController();
  desk.page.signal.addEventListener("abort", () => desk.asking.abort());
  try {
    const found = await post("/batch-generations/estimate", body, { signal: desk.asking.signal });
    clearFaults(desk);
    fill(desk.estimate, estimated(found, body.batch_options.max_cost_usd));
  } catch (error) {
    desk.estimated = "";
    if (/** @type {any} */ (error)?.name === "AbortError") return;
    fill(desk.estimate, "");
    showFaults(desk, error);
  }
}

/** @param {any} found @param {number|undefined} budget */
function estimated(found, budget) {
  const { cost_usd: cost, tokens, calls } = found.total;
  const isKnown = cost.expected !== null;
  const isOffline = found.items.every((/** @type {any} */ one) => !one.model && !one.error);
  const local = isOffline ? "the offline writer drafts from your text: no model is set" : cost.basis === "local" ? "nothing is charged here" : isKnown ? `${money(cost.low)} at least, ${money(cost.max)} at most` : (cost.reason ?? "nobody knows a price");
  return h("section.reckoning", { "aria-label": "Estimate", role: "status" },
    h("p", h("strong", isKnown ? (cost.expected ? `About ${money(cost.expected)}` : "Free") : "Cost not known"), h("small", local)),
    h("small", `${plural(found.total_items, "card")} · about ${short(tokens.expected)} tokens in ${plural(calls.expected, "call")}${found.estimated_seconds ? ` · ${duration(found.estimated_seconds)}` : ""}`),
    budget && isKnown && cost.expected > budget && h("small.wrong", "The budget is below that: the last cards would not be written."));
}

/** @param {any} desk */
function clearFaults(desk) {
  desk.optionFaults = {};
  fill(desk.wrong, "");
  for (const box of desk.boxes) blame(box, "");
  for (const control of Object.values(desk.controls)) if (control !== desk.controls.submit) blame(/** @type {any} */ (control), "");
}

/** Put each fault beside what it is about. @param {any} desk @param {any} error */
function showFaults(desk, error) {
  clearFaults(desk);
  const rest = [];
  const filled = desk.draft.slips.filter((/** @type {Slip} */ slip) => slip.text.trim());
  for (const [path, told] of error instanceof ApiError ? error.fields : []) {
    const [, at, name, option] = /^generations\.(\d+)\.([^.]+)\.?(.*)$/.exec(path) ?? [];
    const box = desk.boxes[desk.draft.slips.indexOf(filled[Number(at)])];
    const control = desk.controls[path.replace("batch_options.", "")];
    if (name === "source_material" && box) blame(box, told);
    else if (name === "options") desk.optionFaults[option.split(".")[0]] = told;
    else if (control) blame(control, told);
    else rest.push(path);
  }
  const isPlaced = error instanceof ApiError && error.fields.length > 0 && !rest.length && !Object.keys(desk.optionFaults).length;
  fill(desk.wrong, isPlaced ? h("p.wrong", { role: "alert" }, "Something has to be mended first: see above.") : trouble(error));
}

/** @param {any} desk */
async function submit(desk) {
  const body = bodyOf(desk.draft);
  if (!body.generations.length) {
    blame(desk.boxes[0], "Write or paste something to make a card from.");
    return desk.boxes[0].focus();
  }
  if (!isBudget(desk)) return desk.controls.max_cost_usd.focus();
  const text = JSON.stringify(body);
  if (desk.sent.body !== text) desk.sent = { body: text, once: crypto.randomUUID() }; // the same again is answered as before, not done twice
  try {
    const opened = await post("/batch-generations", body, { once: desk.sent.once });
    keepDraft({ ...blank(), profile_id: desk.draft.profile_id, options: desk.draft.options });
    location.hash = `#/batches/${opened.batch_id}`;
  } catch (error) {
    showFaults(desk, error);
  }
}
