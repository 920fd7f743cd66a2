// The pieces that every view is made of.

import { ApiError } from "./api.js";
import { h, fill, icon, newId } from "./dom.js";
import { ago, moment, words } from "./format.js";

/** @typedef {import("./dom.js").Child} Child */

/** @type {Record<string, string>} */
const MARKS = { queued: "♢", processing: "◐", completed: "♦", failed: "✕", cancelled: "–" };

const LOOK_AGAIN = 4000; // milliseconds

/** How something stands: a sign and a word, never colour alone. @param {string} status */
export function badge(status) {
  return h("span.badge", { class: `is-${status}` }, h("i", { "aria-hidden": "true" }, MARKS[status] ?? "·"), words(status));
}

/** The head of a view. @param {string} title @param {Child|Child[]} [lead] @param {Child|Child[]} [actions] @param {Child} [above] */
export function head(title, lead, actions, above) {
  return h("header.head", h("div", above, h("h1", { tabindex: "-1" }, title), lead && h("p.lead", lead)), actions && h("div.actions", actions));
}

/** Where one is. @param {string} href @param {string} text */
export const back = (href, text) => h("a.back-link", { href }, `← ${text}`);

/** A bar that fills. @param {number} percent @param {string} label */
export function meter(percent, label) {
  return h("div.meter", { role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(percent) },
    h("span", { style: { width: `${percent}%` } }));
}

/** Nothing here yet, and what to do. @param {string} title @param {Child|Child[]} text @param {...Child} actions */
export function empty(title, text, ...actions) {
  return h("section.empty", h("div.fan", { "aria-hidden": "true" }, h("span.back", h("i", "♠")), h("span.back", h("i", "♦")), h("span.back", h("i", "♣"))),
    h("h2", title), h("p", text), actions.length > 0 && h("div.actions", actions));
}

/** @param {string} text @param {(event: any) => any} onclick @param {{icon?: string, kind?: string, label?: string, disabled?: boolean}} [look] */
export function button(text, onclick, look = {}) {
  return h("button", { type: "button", class: look.kind ?? "", "aria-label": look.label, title: text ? undefined : look.label, disabled: look.disabled, onclick },
    look.icon && icon(look.icon), text && h("span", text));
}

/** @param {string} href @param {string} text @param {{icon?: string, kind?: string}} [look] */
export const linkButton = (href, text, look = {}) => h("a.button", { href, class: look.kind ?? "" }, look.icon && icon(look.icon), h("span", text));

/** Do something and show what goes wrong with it; the button waits meanwhile. @param {(event: any) => Promise<any>} action */
export function guarded(action) {
  return async (/** @type {any} */ event) => {
    const pressed = event?.currentTarget;
    if (pressed) pressed.disabled = true;
    try {
      await action(event);
    } catch (error) {
      toastError(error);
    } finally {
      if (pressed) pressed.disabled = false;
    }
  };
}

/** What an error says: its message, the fields with what to do, its code. @param {any} error */
export function trouble(error) {
  if (!(error instanceof ApiError)) return h("div.trouble", { role: "alert" }, h("p", String(error?.message ?? error)));
  return h("div.trouble", { role: "alert" }, h("p", error.message),
    error.fields.length > 0 && h("ul", error.fields.slice(0, 12).map(([path, told]) => h("li", h("code", path), " ", told))),
    h("small", error.code, error.requestId && ` · request ${error.requestId}`));
}

/** Say something for a moment. @param {Child|Child[]} text @param {"good"|"bad"} [kind] */
export function toast(text, kind = "good") {
  const shown = h("div.toast", { class: kind, role: kind === "bad" ? "alert" : undefined }, typeof text === "string" ? h("span", text) : text,
    button("", () => shown.remove(), { icon: "close", label: "Dismiss", kind: "bare" }));
  document.getElementById("toasts")?.append(shown);
  setTimeout(() => shown.remove(), kind === "bad" ? 12_000 : 4_000);
}

/** @param {any} error */
export function toastError(error) {
  if (error?.name === "AbortError") return;
  const told = error instanceof ApiError && error.fields.length ? h("small", error.fields[0].join(": ")) : null;
  toast([h("span", error?.message ?? String(error)), told], "bad");
}

/**
 * A field with its label, hint and error.
 * @param {string} label @param {any} control @param {{hint?: Child|Child[], wide?: boolean}} [more]
 */
export function field(label, control, more = {}) {
  control.id ||= newId();
  const hint = h("small.hint", { id: `${control.id}-hint` }, more.hint);
  const wrong = h("p.wrong", { id: `${control.id}-wrong`, "aria-live": "polite" });
  control.setAttribute("aria-describedby", `${control.id}-hint ${control.id}-wrong`);
  return h("div.field", { class: more.wide ? "wide" : "" }, h("label", { for: control.id }, label), control, hint, wrong);
}

/** Say what is wrong with a control made into a `field`; "" for nothing. @param {HTMLElement} control @param {string} message @param {string} [kind] */
export function blame(control, message, kind = "error") {
  const wrong = document.getElementById(`${control.id}-wrong`) ?? control.parentElement?.querySelector(".wrong");
  if (wrong) wrong.textContent = message;
  if (wrong) wrong.classList.toggle("is-warning", kind === "warning");
  control.setAttribute("aria-invalid", String(Boolean(message) && kind === "error"));
}

/** @param {[string, string][]} choices value and words @param {string} value @param {Record<string, any>} [props] */
export function select(choices, value, props = {}) {
  return h("select", props, choices.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
}

/**
 * A dialog; resolves with the value of the button that closed it, "" when it was dismissed.
 * @param {string} title @param {Child|Child[]} content
 * @param {{value: string, text: string, kind?: string, check?: () => any}[]} buttons `check` may keep it open by returning false
 * @param {string} [look]
 * @returns {Promise<string>}
 */
export function ask(title, content, buttons, look = "") {
  const id = newId();
  const enter = (/** @type {KeyboardEvent} */ event) => { // as in any form
    const isIn = /** @type {HTMLElement} */ (event.target).matches("input:not([type=checkbox], [type=file], [type=search])");
    if (event.key === "Enter" && isIn && !event.isComposing) dialog.querySelector(":scope > .actions .primary")?.click();
  };
  /** @type {any} */
  let dialog;
  return new Promise((resolve) => {
    dialog = h("dialog.paper", { "aria-labelledby": id, class: look, onkeydown: enter, onclose: () => (dialog.remove(), resolve(dialog.returnValue)) },
      h("div.dialog-head", h("h2", { id }, title), button("", () => dialog.close(""), { icon: "close", label: "Close", kind: "bare" })),
      h("div.dialog-body", content),
      h("div.actions", buttons.map(({ value, text, kind, check }) => button(text, guarded(async () => (await check?.()) !== false && dialog.close(value)), { kind }))));
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Ask before something that cannot be undone. @param {string} title @param {string} text @param {string} yes */
export const confirm = async (title, text, yes) => (await ask(title, h("p", text), [
  { value: "", text: "Leave it" }, { value: "yes", text: yes, kind: "danger" }])) === "yes";

/** @param {string} time */
export const when = (time) => h("time", { datetime: time, title: moment(time) }, ago(time));

/**
 * A list that loads page by page.
 * @param {{load: (cursor: string|null) => Promise<{rows: any[], next: string|null, total: number, exact?: boolean}>, row: (item: any) => Node,
 *   list: HTMLElement, none: () => Node, count?: (total: number, exact: boolean) => void}} how
 */
export function pages({ load, row, list, none, count = () => {} }) {
  const foot = h("div.list-foot");
  const box = h("div", list, foot);
  let current = 0;
  let isPaged = false;
  /** @param {string|null} cursor */
  const more = async (cursor) => {
    const turn = (current += cursor ? 0 : 1);
    isPaged = Boolean(cursor);
    fill(foot, cursor || !list.children.length ? h("p.waiting", "Looking…") : "");
    try {
      const { rows, next, total, exact = true } = await load(cursor);
      if (turn !== current) return;
      if (!cursor) list.replaceChildren();
      list.append(...rows.map(row));
      list.hidden = !list.children.length;
      count(total, exact);
      fill(foot, !list.children.length ? none() : next ? button("Show more", guarded(() => more(next))) : "");
    } catch (error) {
      if (turn === current && /** @type {any} */ (error)?.name !== "AbortError") fill(foot, trouble(error), button("Try again", () => more(cursor)));
    }
  };
  /** Look again now and then while something on the list goes on; not while somebody is at it. @param {AbortSignal} signal */
  const follow = (signal) => {
    const timer = setInterval(() => {
      const isAtIt = isPaged || document.hidden || list.contains(document.activeElement);
      if (!isAtIt && list.querySelector(".is-processing, .is-queued")) more(null);
    }, LOOK_AGAIN);
    signal.addEventListener("abort", () => clearInterval(timer));
  };
  return { box, refresh: () => more(null), follow };
}

/** A figure with its name. @param {string} name @param {Child|Child[]} value @param {Child} [note] */
export const figure = (name, value, note) => h("div.figure", h("dt", name), h("dd", value, note && h("small", note)));

/**
 * Somebody else was faster: show both, and ask. Resolves "mine", "theirs" or "".
 * @param {string} noun @param {any} error the 412
 * @param {{name: string, mine: string, theirs: string}[]} differences
 */
export function conflict(noun, error, differences) {
  const who = error.details.updated_by ? ` (with the key …${error.details.updated_by.slice(-6)})` : "";
  const told = h("p", `${error.message}${who}, ${moment(error.details.updated_at)}: it is at version ${error.details.current_version}, and you began with ${error.details.your_version}.`);
  const table = h("div.versus", h("div.versus-row.versus-head", h("span", "Field"), h("span", "Mine"), h("span", "Theirs")),
    differences.map(({ name, mine, theirs }) => h("div.versus-row", h("span", name), h("pre.mine", mine || "—"), h("pre.theirs", theirs || "—"))));
  const rest = differences.length ? table : h("p", "What you changed says the same in both.");
  return ask(`This ${noun} was changed meanwhile`, [told, rest], [
    { value: "", text: "Go on editing" },
    { value: "theirs", text: "Discard mine", kind: "quiet" },
    { value: "mine", text: "Overwrite with mine", kind: "primary" }], "wide");
}
