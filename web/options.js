// The catalogue of options as a form: by group, with a search; what is left alone stays as the profile says.

import { get } from "./api.js";
import { h, icon, newId } from "./dom.js";
import { words } from "./format.js";
import { blame, field } from "./parts.js";

/** @typedef {{name: string, group: string, type: string, default: any, minimum: number|null, maximum: number|null, choices: string[], description: string}} Option */

/** @type {Promise<Option[]>|undefined} */
let catalogue;

/** All options that there are. @returns {Promise<Option[]>} */
export function all() {
  catalogue ??= get("/options").then((found) => found.options).catch((error) => ((catalogue = undefined), Promise.reject(error)));
  return catalogue;
}

/** @param {any} value */
const told = (value) => (value === null || value === undefined ? "left to the model" : value === true ? "yes" : value === false ? "no" : Array.isArray(value) ? value.join(", ") || "none" : String(value));

/**
 * A form of options. `values` is changed as one types.
 * @param {Option[]} options
 * @param {Record<string, any>} values those that are set
 * @param {{usual: (name: string) => any, changed: (name: string) => void, open?: string}} how `usual`: what holds where nothing is set
 */
export function optionForm(options, values, { usual, changed, open = "" }) {
  const groups = Map.groupBy(options, (option) => option.group);
  const found = h("p.quiet-text", { role: "status" });
  const controls = new Map();
  const sections = [...groups].map(([group, members]) => {
    const rows = members.map((option) => {
      const made = row(option, values, usual, (name) => (paint(), changed(name)));
      controls.set(option.name, made.control);
      return made.node;
    });
    const count = h("span.count-set");
    const node = h("details.group", { open: group === open }, h("summary", h("h3", words(group)), count), h("div.form", rows));
    return { node, rows, members, count };
  });

  function paint() {
    for (const { members, count } of sections) {
      const set = members.filter((option) => option.name in values).length;
      count.textContent = set ? `${set} set` : "";
    }
  }
  /** @param {string} text */
  function search(text) {
    const sought = text.trim().toLowerCase().split(/\s+/);
    let shown = 0;
    for (const { node, rows, members } of sections) {
      members.forEach((option, at) => (rows[at].hidden = !sought.every((word) => `${option.name} ${option.name.replaceAll("_", " ")} ${option.group} ${option.description}`.toLowerCase().includes(word))));
      const some = rows.filter((one) => !one.hidden).length;
      shown += some;
      node.hidden = !some;
      if (text.trim()) node.open = some > 0;
    }
    found.textContent = text.trim() ? (shown ? `${shown} of ${options.length} options` : "No option is about that: try another word.") : "";
  }
  paint();
  const id = newId();
  const node = h("div.options", h("div.search", h("label.visually-hidden", { for: id }, "Search the options"), icon("search"),
    h("input", { id, type: "search", placeholder: `Search ${options.length} options`, autocomplete: "off", oninput: (/** @type {any} */ e) => search(e.target.value) })), found, sections.map((one) => one.node));
  return { node, controls, paint };
}

/** @param {Option} option @param {Record<string, any>} values @param {(name: string) => any} usual @param {(name: string) => void} changed */
function row(option, values, usual, changed) {
  const { name } = option;
  const control = controlOf(option, values[name], usual(name));
  const read = () => {
    const { value, fault } = valueOf(option, control);
    blame(control, fault);
    if (fault) return;
    if (value === undefined) delete values[name];
    else values[name] = value;
    changed(name);
  };
  control.addEventListener(control.tagName === "SELECT" || control.tagName === "FIELDSET" ? "change" : "input", read);
  const range = option.choices.length || option.minimum === null ? "" : ` ${option.minimum} to ${option.maximum}${/string|pattern/.test(option.type) ? " letters" : ""}.`;
  const node = field(words(name), control, { hint: [option.description, range], wide: control.tagName === "FIELDSET" });
  return { node, control };
}

/** @param {Option} option @param {any} value @param {any} usual */
function controlOf(option, value, usual) {
  const otherwise = `as usual: ${told(usual)}`;
  if (option.type === "strings" && option.choices.length) return chooser(option, value, otherwise);
  if (option.type === "boolean") return choice([["true", "yes"], ["false", "no"]], value, otherwise);
  if (option.choices.length) return choice(option.choices.map((one) => [one, one]), value, otherwise);
  if (option.type === "integer" || option.type === "number") {
    return h("input", { type: "number", value: value ?? "", placeholder: told(usual), min: option.minimum, max: option.maximum, step: option.type === "integer" ? 1 : "any", inputmode: "decimal" });
  }
  const text = option.type === "strings" ? (value ?? []).join("\n") : (value ?? "");
  const isLong = option.type === "strings" || (option.maximum ?? 0) > 300;
  return isLong ? h("textarea.short", { value: text, placeholder: told(usual), rows: 2 }) : h("input", { value: text, placeholder: told(usual), autocomplete: "off" });
}

/** @param {[string, string][]} choices @param {any} value @param {string} otherwise */
const choice = (choices, value, otherwise) => h("select", h("option", { value: "", selected: value === undefined }, otherwise),
  choices.map(([key, text]) => h("option", { value: key, selected: String(value) === key }, text)));

/** @param {Option} option @param {string[]|undefined} value @param {string} otherwise */
function chooser(option, value, otherwise) {
  return h("fieldset.ticks", { "aria-label": words(option.name) }, h("small", otherwise),
    h("div.chips", option.choices.map((one) => h("label.check.chip", h("input", { type: "checkbox", value: one, checked: value?.includes(one) ?? false }), one))));
}

/** What a control says; undefined: nothing. @param {Option} option @param {any} control @returns {{value?: any, fault: string}} */
function valueOf(option, control) {
  if (control.tagName === "FIELDSET") {
    const chosen = [...control.querySelectorAll("input:checked")].map((box) => box.value);
    return { value: chosen.length ? chosen : undefined, fault: "" };
  }
  if (control.validity?.badInput) return { fault: "That is no number." };
  const text = control.value;
  if (!text.trim()) return { value: undefined, fault: "" };
  if (option.type === "boolean") return { value: text === "true", fault: "" };
  if (option.type === "strings") return { value: text.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean), fault: "" };
  if (option.type !== "integer" && option.type !== "number") return { value: text, fault: "" };
  const number = Number(text);
  const isOut = (option.minimum !== null && number < option.minimum) || (option.maximum !== null && number > option.maximum);
  return isOut ? { fault: `Give ${option.minimum} to ${option.maximum}.` } : { value: number, fault: option.type === "integer" && !Number.isInteger(number) ? "Give a whole number." : "" };
}

/** Put what the API says of options beside them. @param {Map<string, any>} controls @param {Record<string, string>} faults by name */
export function blameOptions(controls, faults) {
  for (const [name, control] of controls) {
    blame(control, faults[name] ?? "");
    if (faults[name]) control.closest("details")?.setAttribute("open", "");
  }
}

/** The set options in a line. @param {Record<string, any>} values */
export const summary = (values) => Object.entries(values).map(([name, value]) => `${words(name)}: ${told(value)}`);

