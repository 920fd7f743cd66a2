// One profile: every value tried while it is typed, and saved under the version that was read.

import { ApiError, change, get, getTagged, post } from "../api.js";
import { debounce, fill, h, icon, newId } from "../dom.js";
import { moment, plural, words } from "../format.js";
import { all, optionForm } from "../options.js";
import { ask, back, blame, button, confirm, conflict, field, guarded, head, toast } from "../parts.js";
import { copy } from "./profiles.js";

const TRY_AFTER = 400; // milliseconds without a key
const RAW = [
  { name: "words", hint: "The least and the most words of a field, such as {\"description\": [150, 300]}." },
  { name: "repair_rules", hint: "Rules of lint whose warnings are sent back to be mended." },
  { name: "lint", hint: "Thresholds, rules switched off, severities, such as {\"off\": [\"X02\"]}." },
];

/** @typedef {{name: string, description: string, config: Record<string, any>, prompts: Record<string, string>}} Said */

/** @param {import("../app.js").Page} page */
export async function show(page) {
  const path = `/profiles/${page.id}`;
  const [{ data, etag }, usual, options] = await Promise.all([getTagged(path, page.signal), get("/profiles/profile_default", undefined, page.signal), all()]);
  const desk = { page, path, etag, read: data, usual, options, said: saidBy(data), head: h("div"), state: h("p.save-state", { role: "status" }), faults: new Map(), controls: new Map(), save: /** @type {any} */ (null) };
  page.keep(() => isChanged(desk));
  paint(desk);
}

/** What a profile says, to be changed. @param {any} profile @returns {Said} */
const saidBy = ({ name, description, config, prompts }) => structuredClone({ name, description, config, prompts });

/** @param {any} desk */
const isChanged = (desk) => JSON.stringify(desk.said) !== JSON.stringify(saidBy(desk.read));

/** @param {any} desk */
function paint(desk) {
  const { read, page } = desk;
  const lead = read.is_builtin ? "Comes with Cardforge and stays as it is: copy it to change it." : `Version ${read.version}, of ${moment(read.updated_at)}`;
  page.title(read.name);
  desk.controls.clear();
  desk.faults.clear();
  desk.save = button("Save", guarded(() => store(desk)), { kind: "primary", icon: "check" });
  fill(desk.head, head(read.name, lead, [
    button("Versions…", guarded(() => versions(desk)), { icon: "again" }), button("Copy…", guarded(() => copy(read)), { icon: "cards" }),
    !read.is_builtin && button("", guarded(() => remove(desk)), { icon: "bin", kind: "bare", label: "Delete this profile" }), !read.is_builtin && desk.save], back("#/profiles", "Profiles")));
  const fields = h("div.profile-form", about(desk), config(desk), prompts(desk));
  if (read.is_builtin) for (const control of desk.controls.values()) control.disabled = true;
  fill(page.root, desk.head, desk.state, fields);
  changed(desk);
}

/** @param {any} desk */
function changed(desk) {
  const count = desk.faults.size;
  desk.save.disabled = !isChanged(desk) || count > 0;
  desk.state.classList.toggle("wrong", count > 0);
  desk.state.textContent = desk.read.is_builtin ? "" : count ? `${plural(count, "value")} to mend before it can be saved.` : isChanged(desk) ? "Not saved yet." : "";
}

/** Try a value as one types. @param {any} desk @param {string} name @param {any} control */
function trier(desk, name, control) {
  desk.controls.set(name, control);
  let turn = 0;
  const check = debounce(async () => {
    const mine = (turn += 1);
    const verdict = await post("/validate/profile", { field: name, value: valueAt(desk.said, name), context: { profile_id: desk.read.id } }, { signal: desk.page.signal }).catch(() => null);
    if (verdict && mine === turn) judge(desk, name, control, verdict);
  }, TRY_AFTER);
  return () => {
    changed(desk);
    check();
  };
}

/** @param {Said} said @param {string} name @returns {any} */
const valueAt = (said, name) => name.split(".").reduce((/** @type {any} */ at, part) => at?.[part], said) ?? null;

/** @param {any} desk @param {string} name @param {any} control @param {any} verdict */
function judge(desk, name, control, verdict) {
  const text = (/** @type {any[]} */ list) => list.map((one) => one.message).join(" ");
  if (verdict.errors.length) desk.faults.set(name, text(verdict.errors));
  else desk.faults.delete(name);
  blame(control, text(verdict.errors) || text(verdict.warnings), verdict.errors.length ? "error" : "warning");
  changed(desk);
}

/** @param {any} desk */
function about(desk) {
  const text = (/** @type {"name"|"description"} */ name, /** @type {any} */ control, /** @type {any} */ more) => {
    const tryIt = trier(desk, name, control);
    control.addEventListener("input", () => {
      desk.said[name] = control.value;
      tryIt();
    });
    return field(words(name), control, more);
  };
  return h("section.paper", h("h2", "What it is"), h("div.form", text("name", h("input", { value: desk.said.name, maxlength: 200, autocomplete: "off" }), {}),
    text("description", h("textarea.short", { value: desk.said.description, rows: 2 }), { hint: "What it is good for.", wide: true })));
}

/** @param {any} desk */
function config(desk) {
  const tries = new Map();
  const form = optionForm(desk.options, desk.said.config, {
    usual: (name) => desk.usual.config[name] ?? desk.options.find((/** @type {any} */ one) => one.name === name)?.default,
    open: "content",
    changed: (name) => {
      if (!(name in desk.said.config)) judge(desk, `config.${name}`, form.controls.get(name), { errors: [], warnings: [] }); // left out: nothing to try
      else tries.get(name)?.();
      changed(desk);
    },
  });
  for (const [name, control] of form.controls) tries.set(name, trier(desk, `config.${name}`, control));
  return h("section.paper", h("h2", "Options"), h("p.quiet-text", "What is left empty is as in the default profile."), form.node,
    h("details.group", h("summary", h("h3", "Lengths, repairs, lint")), h("div.form", RAW.map((one) => raw(desk, one)))));
}

/** A member of the config that has a shape of its own, as JSON. @param {any} desk @param {{name: string, hint: string}} one */
function raw(desk, { name, hint }) {
  const area = h("textarea.code", { value: name in desk.said.config ? JSON.stringify(desk.said.config[name], null, 1) : "", placeholder: JSON.stringify(desk.usual.config[name] ?? null), rows: 4, spellcheck: "false" });
  const tryIt = trier(desk, `config.${name}`, area);
  area.addEventListener("input", () => {
    try {
      if (area.value.trim()) desk.said.config[name] = JSON.parse(area.value);
      else delete desk.said.config[name];
      if (area.value.trim()) tryIt();
      else judge(desk, `config.${name}`, area, { errors: [], warnings: [] });
    } catch (error) {
      judge(desk, `config.${name}`, area, { errors: [{ message: `This is no JSON: ${/** @type {Error} */ (error).message}` }], warnings: [] });
    }
  });
  return field(words(name), area, { hint, wide: true });
}

/** @param {any} desk */
function prompts(desk) {
  const names = Object.keys(desk.usual.prompts).sort();
  const rows = names.map((name) => {
    const area = h("textarea.code", { value: desk.said.prompts[name] ?? "", placeholder: desk.usual.prompts[name], rows: 3, spellcheck: "false" });
    const tryIt = trier(desk, `prompts.${name}`, area);
    area.addEventListener("input", () => {
      if (area.value.trim()) desk.said.prompts[name] = area.value;
      else delete desk.said.prompts[name];
      tryIt();
    });
    return { name, node: h("details.group", h("summary", h("h3", words(name)), h("span.count-set", desk.said.prompts[name] !== undefined && desk.said.prompts[name] !== desk.usual.prompts[name] ? "own" : "")), field(words(name), area)) };
  });
  const id = newId();
  const search = (/** @type {any} */ event) => {
    const sought = event.target.value.trim().toLowerCase();
    for (const { name, node } of rows) node.hidden = !`${words(name)} ${desk.said.prompts[name] ?? desk.usual.prompts[name]}`.toLowerCase().includes(sought);
  };
  return h("section.paper", h("h2", "Prompts"), h("p.quiet-text", "Words with a $ are filled in. What is left empty is as in the default profile."),
    h("div.search", h("label.visually-hidden", { for: id }, "Search the prompts"), icon("search"), h("input", { id, type: "search", placeholder: `Search ${names.length} prompts`, oninput: search })), rows.map((one) => one.node));
}

/** Save under the version that was read; who was faster is shown, and one chooses. @param {any} desk */
async function store(desk) {
  try {
    const { data, etag } = await change("PUT", desk.path, { json: desk.said, ifMatch: desk.etag });
    Object.assign(desk, { read: data, etag, said: saidBy(data) });
    toast(`Saved as version ${data.version}.`);
    paint(desk);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 412) return settle(desk, error);
    const placed = error.fields.filter(([path]) => desk.controls.has(path));
    for (const [path, told] of placed) judge(desk, path, desk.controls.get(path), { errors: [{ message: told }], warnings: [] });
    if (!placed.length) throw error;
    desk.controls.get(placed[0][0])?.closest("details")?.setAttribute("open", "");
    desk.controls.get(placed[0][0])?.focus();
  }
}

/** @param {any} desk @param {any} error */
async function settle(desk, error) {
  const { data, etag } = await getTagged(desk.path);
  const before = desk.read;
  const answer = await conflict("profile", error, differences(saidBy(before), desk.said, saidBy(data)));
  if (!answer) return;
  const mine = answer === "mine" ? merged(saidBy(before), desk.said, saidBy(data)) : null;
  Object.assign(desk, { read: data, etag, said: mine ?? saidBy(data) });
  if (mine) await store(desk);
  else paint(desk);
}

/** Every place of a profile by its path, as text. @param {Said} said @returns {Record<string, any>} */
function places({ name, description, config, prompts }) {
  const inner = (/** @type {string} */ group, /** @type {Record<string, any>} */ values) => Object.entries(values).map(([key, value]) => [`${group}.${key}`, value]);
  return Object.fromEntries([["name", name], ["description", description], ...inner("config", config), ...inner("prompts", prompts)]);
}

/** What I changed and what they changed, side by side. @param {Said} before @param {Said} mine @param {Said} theirs */
function differences(before, mine, theirs) {
  const [old, my, their] = [before, mine, theirs].map(places);
  const text = (/** @type {any} */ value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
  return [...new Set([...Object.keys(my), ...Object.keys(their)])].filter((path) => text(my[path]) !== text(their[path]) && (text(my[path]) !== text(old[path]) || text(their[path]) !== text(old[path])))
    .map((path) => ({ name: path, mine: text(my[path]), theirs: text(their[path]) }));
}

/** Theirs, with what I changed on top: overwriting takes nothing back that I never touched. @param {Said} before @param {Said} mine @param {Said} theirs @returns {Said} */
function merged(before, mine, theirs) {
  const result = structuredClone(theirs);
  const isMine = (/** @type {any} */ a, /** @type {any} */ b) => JSON.stringify(a) !== JSON.stringify(b);
  if (isMine(mine.name, before.name)) result.name = mine.name;
  if (isMine(mine.description, before.description)) result.description = mine.description;
  for (const group of /** @type {("config"|"prompts")[]} */ (["config", "prompts"])) {
    for (const key of new Set([...Object.keys(mine[group]), ...Object.keys(before[group])])) {
      if (!isMine(mine[group][key], before[group][key])) continue;
      if (key in mine[group]) result[group][key] = mine[group][key];
      else delete result[group][key];
    }
  }
  return result;
}

/** @param {any} desk */
async function versions(desk) {
  const { versions: listed } = await get(`${desk.path}/versions`, { limit: 100 });
  let taken = 0;
  const rows = listed.map((/** @type {any} */ one) => h("li.row.version-row", h("span", h("strong", `Version ${one.version}`), h("small", moment(one.created_at))),
    !desk.read.is_builtin && one.version !== desk.read.version && button("Take it up again", guarded(async (event) => {
      const { config, prompts } = await get(`${desk.path}/versions/${one.version}`);
      Object.assign(desk.said, structuredClone({ config, prompts }));
      taken = one.version;
      event.target.closest("dialog").close("taken");
    }), { kind: "small" })));
  await ask("Versions", h("ul.rows", rows), [{ value: "", text: "Close" }]);
  if (!taken) return;
  paint(desk);
  toast(`As version ${taken} said. Save to make it the newest.`);
}

/** @param {any} desk */
async function remove(desk) {
  if (!(await confirm(`Delete ${desk.read.name}?`, "New work cannot name it any more. Jobs that were submitted with it run on.", "Delete the profile"))) return;
  await change("DELETE", desk.path, { ifMatch: desk.etag });
  desk.said = saidBy(desk.read);
  location.hash = "#/profiles";
}
