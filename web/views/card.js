// One card: what it says, what lint says of it beside each field, its files, edits, and fields written anew.

import { ApiError, change, get, getTagged, portrait, post, save } from "../api.js";
import { fill, h } from "../dom.js";
import { watch } from "../events.js";
import { FORMATS } from "../files.js";
import { plural, short, words } from "../format.js";
import { ask, back, blame, button, confirm, conflict, field, guarded, head, linkButton, select, toast, trouble, when } from "../parts.js";

/** @typedef {{name: string, title: string, many?: boolean, write?: boolean, look?: string, lines?: boolean, hint?: string}} Field */

/** @type {Field[]} */
const FIELDS = [
  { name: "description", title: "Description", write: true },
  { name: "personality", title: "Personality", write: true },
  { name: "scenario", title: "Scenario", write: true },
  { name: "first_mes", title: "First message", write: true, look: "scene" },
  { name: "alternate_greetings", title: "Other greetings", write: true, many: true, look: "scene" },
  { name: "group_only_greetings", title: "Greetings for groups", write: true, many: true, look: "scene" },
  { name: "mes_example", title: "Example dialogue", write: true, look: "scene" },
  { name: "creator_notes", title: "Creator's notes", write: true },
  { name: "system_prompt", title: "System prompt", write: true, look: "code" },
  { name: "post_history_instructions", title: "After the chat", write: true, look: "code" },
];
const ABOUT = [
  { name: "name", title: "Name" }, { name: "nickname", title: "Nickname" }, { name: "tags", title: "Tags", lines: true, write: true },
  { name: "creator", title: "Creator" }, { name: "character_version", title: "Version of the card" },
];
/** @type {Record<string, string>} */
const SEVERITIES = { E: "to mend", W: "to look at", I: "to know" };

/** @param {import("../app.js").Page} page */
export async function show(page) {
  const path = `/characters/${page.id}`;
  const { data, etag } = await getTagged(path, page.signal);
  const desk = { page, path, character: data, etag, changed: new Set(), findings: /** @type {any[]} */ ([]), notes: new Map(), head: h("div"), side: h("aside.card-side"), fields: h("div.card-fields"), score: h("div"), files: h("section.paper.files") };
  page.keep(() => desk.changed.size > 0);
  fill(page.root, desk.head, h("div.card-page", desk.side, desk.fields));
  paint(desk);
  await Promise.all([loadLint(desk), loadLosses(desk)]);
}

/** @param {any} desk */
function paint(desk) {
  const { character } = desk;
  const card = character.card.data;
  desk.page.title(character.name);
  desk.notes.clear();
  fill(desk.head, head(character.name, [`about ${short(character.tokens)} tokens with every message · changed `, when(character.updated_at), character.archived_at && " · archived"], actions(desk), back("#/cards", "Cards")));
  const image = h("img", { alt: `Portrait of ${character.name}`, width: 400, height: 600 });
  portrait(character).then((url) => (image.src = url), () => image.classList.add("is-missing"));
  fill(desk.side, h("figure.frame.big", image), h("div.actions.portrait-actions", button("Change portrait…", guarded(() => changePortrait(desk)), { kind: "small", icon: "edit" })),
    h("div.about", ABOUT.map((one) => aboutRow(desk, one, card[one.name]))),
    character.book_id ? linkButton(`#/books/${character.book_id}`, `Lorebook: ${plural(card.character_book?.entries?.length ?? 0, "entry", "entries")}`, { icon: "books" }) : h("p.note", "This card has no lorebook."),
    desk.score, desk.files);
  const shown = FIELDS.filter(({ name }) => card[name]?.length || ["description", "personality", "scenario", "first_mes"].includes(name));
  const blank = FIELDS.filter((one) => !shown.includes(one));
  fill(desk.fields, shown.map((one) => fieldOf(desk, one, card[one.name])),
    blank.length > 0 && h("details.blank", h("summary", `${plural(blank.length, "empty field")}: ${blank.map((one) => one.title.toLowerCase()).join(", ")}`), blank.map((one) => fieldOf(desk, one, card[one.name]))));
  paintFindings(desk);
}

/** @param {any} desk */
function actions(desk) {
  const { character, path } = desk;
  const mark = async (/** @type {string} */ method, /** @type {string} */ way, /** @type {string} */ said) => {
    await change(method, way);
    toast(said);
    await reload(desk);
  };
  const remove = async () => {
    if (!(await confirm(`Delete ${character.name} for good?`, "Its lorebook and files go with it. Archiving would keep them.", "Delete for good"))) return;
    await change("DELETE", `${path}?purge=true`);
    desk.changed.clear();
    location.hash = "#/cards";
  };
  const star = button("Favourite", guarded(() => mark(character.favorite ? "DELETE" : "PUT", `${path}/favorite`, character.favorite ? "No favourite any more." : "A favourite now.")), { icon: "star" });
  star.setAttribute("aria-pressed", String(character.favorite));
  const archive = character.archived_at ? button("Bring back", guarded(() => mark("POST", `${path}/unarchive`, "Back on the table.")), { icon: "box" })
    : button("Archive", guarded(() => mark("DELETE", path, "Archived: it is out of the gallery, and can come back.")), { icon: "box" });
  return [star, archive, button("", guarded(remove), { icon: "bin", kind: "bare", label: "Delete for good" })];
}

/** Read the card again, keeping what is being written elsewhere on the page. @param {any} desk */
async function reload(desk) {
  const { data, etag } = await getTagged(desk.path, desk.page.signal);
  Object.assign(desk, { character: data, etag });
  if (!desk.changed.size) paint(desk);
  await loadLint(desk);
}

/** @param {any} desk @param {any} one @param {any} value */
function aboutRow(desk, one, value) {
  const text = Array.isArray(value) ? value : (value ?? "");
  const notes = h("ul.findings");
  desk.notes.set(one.name, notes);
  const shown = h("div.about-text", Array.isArray(text) ? h("span.chips", text.map((tag) => h("span.chip", tag))) : text || h("span.quiet-text", "–"));
  const row = h("div.about-row", h("span.about-name", one.title), shown, editButton(one.title, () => {
    const control = Array.isArray(text) ? h("input", { value: text.join(", ") }) : h("input", { value: text });
    edit(desk, row, one, control, () => (Array.isArray(text) ? control.value.split(",").map((/** @type {string} */ tag) => tag.trim()).filter(Boolean) : control.value), text, Array.isArray(text) ? "With commas between them." : "");
  }), notes);
  return row;
}

/** @param {string} title @param {() => void} action */
const editButton = (title, action) => button("", action, { icon: "edit", kind: "bare", label: `Edit: ${title}` });

/** @param {any} desk @param {Field} one @param {any} value */
function fieldOf(desk, one, value) {
  const notes = h("ul.findings");
  const who = desk.character.card.data.nickname || desk.character.name;
  desk.notes.set(one.name, notes);
  const body = h("div.field-body", { class: one.look ?? "" }, one.many ? greetings(value ?? [], who) : one.name === "mes_example" ? dialogue(value ?? "", who) : paragraphs(value ?? "", who));
  const node = h("section.card-field", { "aria-label": one.title },
    h("header", h("h2", one.title), h("div.actions", one.write && button("", guarded(() => regenerate(desk, one)), { icon: "again", kind: "bare", label: `Write anew: ${one.title}` }), editButton(one.title, () => begin()))),
    body, notes);
  const begin = () => {
    const area = h("textarea.tall", { value: one.many ? (value ?? []).join("\n\n===\n\n") : (value ?? ""), rows: 6, spellcheck: "true" });
    const read = () => (one.many ? area.value.split(/\n\s*={3,}\s*\n/).map((/** @type {string} */ text) => text.trim()).filter(Boolean) : area.value);
    edit(desk, body, one, area, read, value ?? (one.many ? [] : ""), one.many ? "A line === between two greetings." : "");
  };
  return node;
}

/** @param {string} text @param {string} who what {{char}} stands for */
const paragraphs = (text, who) => (text.trim() ? text.split(/\n{2,}/).map((part) => h("p", styled(part, who))) : h("p.quiet-text", "Empty."));

/** A text with what is told between asterisks in italics, and macros marked. @param {string} text @param {string} who */
function styled(text, who) {
  return text.split(/(\*[^*\n]+\*|\{\{[^{}\n]+\}\})/).map((part) => {
    if (/^\*[^*\n]+\*$/.test(part)) return h("em", macros(part.slice(1, -1), who));
    return macros(part, who);
  });
}

/** @param {string} text @param {string} who */
const macros = (text, who) => text.split(/(\{\{[^{}\n]+\}\})/).map((part) => (/^\{\{[^{}\n]+\}\}$/.test(part) ? macro(part, who) : part));

/** A macro as what it stands for: the character's name, or the player. @param {string} text @param {string} who */
function macro(text, who) {
  const name = text.slice(2, -2).trim();
  return h("span.macro", { title: text }, /^char$/i.test(name) ? who : /^user$/i.test(name) ? "User" : name);
}

/** @param {string[]} texts @param {string} who */
function greetings(texts, who) {
  if (!texts.length) return h("p.quiet-text", "None.");
  return h("ol.greetings", texts.map((text, at) => h("li", h("details", { open: at === 0 }, h("summary", h("strong", `${at + 1}`), h("span", text.replace(/[*_]/g, "").replace(/\{\{char\}\}/gi, who).slice(0, 90))), h("div", paragraphs(text, who))))));
}

/** @param {string} text @param {string} who */
function dialogue(text, who) {
  const blocks = text.split(/^<START>\s*$/m).map((block) => block.trim()).filter(Boolean);
  if (!blocks.length) return h("p.quiet-text", "None.");
  return blocks.map((block) => h("div.talk", block.split("\n").map((line) => {
    const [, by, said] = /^(\{\{(?:user|char)\}\}):\s*(.*)$/i.exec(line) ?? [];
    return h("p", { class: by ? `by-${by.slice(2, -2).toLowerCase()}` : "" }, by && macro(by, who), styled(said ?? line, who));
  })));
}

/**
 * Turn a field into a form.
 * @param {any} desk @param {HTMLElement} place what the form stands in for @param {any} one @param {any} control @param {() => any} read @param {any} before @param {string} hint
 */
function edit(desk, place, one, control, read, before, hint) {
  if (place.hidden) return;
  const end = () => {
    desk.changed.delete(one.name);
    form.remove();
    place.hidden = false;
  };
  const store = async () => {
    const saved = await saveField(desk, one, read(), before, control);
    if (!saved) return;
    end();
    if (saved === "mine") toast(`${one.title} saved.`);
    paintField(desk);
    await loadLint(desk);
  };
  const form = h("form.edit-form", { onsubmit: (/** @type {Event} */ e) => (e.preventDefault(), guarded(store)({ currentTarget: form.querySelector(".primary") })) },
    field(one.title, control, { hint }), h("div.actions", h("button.primary", { type: "submit" }, "Save"), button("Cancel", end)));
  control.addEventListener("input", () => desk.changed.add(one.name));
  control.addEventListener("keydown", (/** @type {KeyboardEvent} */ e) => {
    if (e.key === "Escape") end();
    if (e.key === "Enter" && (e.metaKey || e.ctrlKey)) form.requestSubmit();
  });
  place.hidden = true;
  place.after(form);
  control.focus();
}

/** @param {any} desk */
function paintField(desk) {
  if (!desk.changed.size) paint(desk);
}

/** Save a field under the version that was read; asks when somebody was faster. @param {any} desk @param {any} one @param {any} value @param {any} before @param {any} control @returns {Promise<"mine"|"theirs"|"">} */
async function saveField(desk, one, value, before, control) {
  try {
    const { data, etag } = await change("PATCH", desk.path, { json: { [one.name]: value }, ifMatch: desk.etag });
    Object.assign(desk, { character: data, etag });
    return "mine";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 412) return settle(desk, one, value, before, control, error);
    const told = error.fields.map(([path, text]) => (path.startsWith(one.name) ? text : `${path}: ${text}`)).join(" ");
    blame(control, told || error.message);
    return "";
  }
}

/** @param {any} desk @param {any} one @param {any} value @param {any} before @param {any} control @param {any} error @returns {Promise<"mine"|"theirs"|"">} */
async function settle(desk, one, value, before, control, error) {
  const { data, etag } = await getTagged(desk.path);
  const theirs = data.card.data[one.name];
  const text = (/** @type {any} */ it) => (Array.isArray(it) ? it.join("\n\n") : (it ?? ""));
  const isSame = text(theirs) === text(before);
  const said = await conflict("card", error, isSame ? [] : [{ name: one.title, mine: text(value), theirs: text(theirs) }]);
  if (!said) return "";
  Object.assign(desk, { character: data, etag });
  return said === "mine" ? saveField(desk, one, value, theirs, control) : "theirs";
}

/** @param {any} desk */
async function loadLint(desk) {
  try {
    const { score, findings } = await get(`${desk.path}/lint`, undefined, desk.page.signal);
    Object.assign(desk, { findings, scores: score });
    paintFindings(desk);
  } catch (error) {
    if (/** @type {any} */ (error)?.name !== "AbortError") fill(desk.score, trouble(error));
  }
}

/** Put each finding beside the field that it speaks of. @param {any} desk */
function paintFindings(desk) {
  if (!desk.scores) return;
  for (const list of desk.notes.values()) list.replaceChildren();
  const lore = [];
  for (const finding of desk.findings) {
    const list = desk.notes.get(finding.field.split(/[.[]/)[0]);
    if (list) list.append(findingOf(finding));
    else lore.push(finding);
  }
  const { overall, ...groups } = desk.scores;
  fill(desk.score, h("section.paper.score", h("h2", "Quality"), h("p.overall", h("strong", overall), " of 100"),
    h("dl", Object.entries(groups).map(([name, value]) => h("div", h("dt", words(name)), h("dd.number", value)))),
    lore.length > 0 && h("details", h("summary", `${plural(lore.length, "note")} on the lorebook`), h("ul.findings", lore.map(findingOf)))));
}

/** @param {any} finding */
export function findingOf(finding) {
  const place = /\[(\d+)\]/.exec(finding.field);
  const where = finding.field.startsWith("alternate_greetings") && place ? `Greeting ${Number(place[1]) + 1}: ` : "";
  return h("li.finding", { class: `is-${finding.severity}` }, h("span.rule", { title: SEVERITIES[finding.severity] }, finding.rule, h("span.visually-hidden", ` ${SEVERITIES[finding.severity]}`)), h("span", where, finding.message, finding.fix && [". ", h("em", `${finding.fix}.`)]));
}

/** @param {any} desk */
async function loadLosses(desk) {
  const there = desk.character.links.downloads;
  const names = [...new Set([...Object.keys(FORMATS), ...Object.keys(there)])].filter((name) => name in there);
  const rows = names.map((name) => {
    const lost = h("div.losses", h("small", "…"));
    const row = h("li", button(FORMATS[name] ?? name, guarded(async () => toast(`${await save(`${desk.path}/download/${name}`)} saved.`)), { icon: "down", kind: "small" }), lost);
    return { name, lost, row };
  });
  fill(desk.files, h("h2", "Download"), h("ul", rows.map(({ row }) => row)));
  await Promise.all(rows.map(async ({ name, lost }) => {
    try {
      const { losses } = await get(`${desk.path}/losses/${name}`, undefined, desk.page.signal);
      fill(lost, losses.length ? h("details", h("summary", `loses ${losses.length}`), h("ul", losses.map((/** @type {any} */ one) => h("li", h("code", one.field), ` ${one.message}`)))) : h("small", "loses nothing"));
    } catch {
      fill(lost, "");
    }
  }));
}

/** Have a field written anew, and show how far it is. @param {any} desk @param {any} one */
async function regenerate(desk, one) {
  const wish = h("textarea", { rows: 3, maxlength: 4000, placeholder: "Begin in the rain, and shorter." });
  const told = h("div", { role: "status" });
  let jobId = "";
  const begin = async () => {
    const job = await post(`${desk.path}/regenerate`, { fields: [one.name], instruction: wish.value }, { once: crypto.randomUUID() });
    jobId = job.job_id;
  };
  const said = await ask(`Write anew: ${one.title.toLowerCase()}`, [h("p", "All other fields stay as they are. It runs as a job of its own."), field("What to do differently", wish, { hint: "Leave it empty for another try of the same." }), told], [
    { value: "", text: "Cancel" }, { value: "go", text: "Write it anew", kind: "primary", check: begin }]);
  if (said !== "go") return;
  const place = desk.notes.get(one.name)?.parentElement;
  const line = h("p.writing", { role: "status" }, h("span.quill", "✒"), " ", h("span", "Writing…"), " ", h("a", { href: `#/jobs/${jobId}` }, "Job"));
  place?.append(line);
  await watch(`/jobs/${jobId}/events`, {
    signal: desk.page.signal,
    tell: ({ event, data }) => {
      if (event === "progress") fill(line.children[1], `${words(data.detail || data.step || "writing")}… ${data.progress} %`);
    },
  });
  if (desk.page.signal.aborted) return;
  line.remove();
  const job = await get(`/jobs/${jobId}`);
  if (job.status === "completed") toast(`${one.title} was written anew.`);
  else toast(job.error?.message ?? `The job was ${job.status}.`, "bad");
  await reload(desk);
}

/** @param {any} desk */
async function changePortrait(desk) {
  const style = select([["tarot", "Tarot card"], ["glass", "Stained glass"], ["poster", "Travel poster"]], desk.character.portrait_style);
  const file = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp,image/gif" });
  const put = async () => {
    const form = file.files[0];
    const { data, etag } = await change("PUT", `${desk.path}/portrait`, form ? { form, ifMatch: desk.etag, headers: { "Content-Type": form.type || "application/octet-stream" } } : { json: { style: style.value }, ifMatch: desk.etag });
    Object.assign(desk, { character: data, etag });
  };
  const said = await ask("Portrait", [field("Draw it in a style", style), field("Or a picture of your own", file, { hint: "PNG, JPEG, WebP or GIF." })], [
    { value: "", text: "Cancel" }, { value: "go", text: "Use it", kind: "primary", check: put }]);
  if (said === "go") paint(desk);
}
