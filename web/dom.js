// Elements from code. Text always becomes a text node: nothing here, or anywhere in the Studio, is read as markup.

/** @typedef {Node|string|number|null|undefined|false} Child */

const SVG = "http://www.w3.org/2000/svg";
const AS_PROPERTIES = new Set(["value", "checked", "disabled", "selected", "indeterminate", "multiple", "open", "hidden"]);

/**
 * Make an element: `h("p.lead", {onclick}, "text", child)`.
 * @param {string} name tag, with classes behind dots
 * @param {Record<string, any>|Child|Child[]} [props] attributes, properties, `onevent` listeners; or the first child
 * @param {...(Child|Child[])} children
 * @returns {any}
 */
export function h(name, props, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  if (isChild(props)) children.unshift(/** @type {Child} */ (props));
  else for (const [key, value] of Object.entries(props ?? {})) set(node, key, value);
  node.append(...children.flat(3).filter(isShown).map(toNode));
  return node;
}

/** @param {any} value */
const isChild = (value) => value == null || value === false || value instanceof Node || Array.isArray(value) || typeof value !== "object";
/** @param {any} value */
const isShown = (value) => value !== null && value !== undefined && value !== false && value !== "";
/** @param {any} value */
const toNode = (value) => (value instanceof Node ? value : String(value));

/** @param {HTMLElement} node @param {string} key @param {any} value */
function set(node, key, value) {
  if (value === undefined || value === null) return;
  if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
  else if (key === "class") node.classList.add(...String(value).split(" ").filter(Boolean));
  else if (key === "style") for (const [name, one] of Object.entries(value)) node.style.setProperty(name, String(one));
  else if (AS_PROPERTIES.has(key)) /** @type {any} */ (node)[key] = value;
  else if (value === false && !key.startsWith("aria-")) return;
  else node.setAttribute(key, value === true && !key.startsWith("aria-") ? "" : String(value));
}

/** Replace what a node holds. @param {Element} node @param {...(Child|Child[])} children */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(3).filter(isShown).map(toNode));
  return node;
}

/** Drawings of 24 x 24, strokes only. @type {Record<string, string>} */
const DRAWINGS = {
  forge: "M12 5v14M5 12h14",
  cards: "M8 4h10a1.5 1.5 0 0 1 1.5 1.5V18M5.5 7H14a1.5 1.5 0 0 1 1.5 1.5v11A1.5 1.5 0 0 1 14 21H5.5A1.5 1.5 0 0 1 4 19.5v-11A1.5 1.5 0 0 1 5.5 7M9.8 11l2.4 3-2.4 3-2.4-3z",
  batches: "M12 3l9 4.5-9 4.5-9-4.5zM3 12l9 4.5 9-4.5M3 16.5L12 21l9-4.5",
  books: "M4 5.5A2.5 2.5 0 0 1 6.5 3H20v15H6.5A2.5 2.5 0 0 0 4 20.5zM4 20.5A2.5 2.5 0 0 0 6.5 23M20 18v3H6.5M9 7.5h7",
  profiles: "M4 20l1.2-4.6L16.6 4a1.8 1.8 0 0 1 2.5 0l.9.9a1.8 1.8 0 0 1 0 2.5L8.6 18.8zM14.5 6l3.5 3.5",
  jobs: "M4 6h3M4 12h3M4 18h3M11 6h9M11 12h9M11 18h9",
  costs: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M14.8 9c-.5-1-1.5-1.5-2.8-1.5-1.7 0-2.8.9-2.8 2.2 0 3.2 5.8 1.4 5.8 4.7 0 1.3-1.2 2.2-3 2.2-1.5 0-2.6-.6-3-1.7M12 6v12",
  star: "M12 3.5l2.6 5.4 5.9.8-4.3 4.1 1.1 5.9L12 16.9l-5.3 2.8 1.1-5.9L3.5 9.7l5.9-.8z",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5L20 20",
  down: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  up: "M12 19V8M7.5 12L12 7.5l4.5 4.5M5 4h14",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.5l4.5 4.5L19 7.5",
  edit: "M4 20l1-4L16 5l3 3L8 19z",
  again: "M19.5 12a7.5 7.5 0 1 1-2.2-5.3M19.5 3.5v4h-4",
  spark: "M12 3l1.8 7.2L21 12l-7.2 1.8L12 21l-1.8-7.2L3 12l7.2-1.8z",
  box: "M4 8h16v11a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1zM3 4h18v4H3zM10 12h4",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  leave: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  options: "M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5v5M8 14.5v5",
  more: "M6 12h.01M12 12h.01M18 12h.01",
};

/** Return an icon, hidden from screen readers. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", DRAWINGS[name] ?? "");
  svg.append(path);
  return svg;
}

/** Return a function that runs `action` once it was not called for so long. @param {(...args: any[]) => void} action @param {number} [ms] */
export function debounce(action, ms = 300) {
  let timer = 0;
  return (/** @type {any[]} */ ...args) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => action(...args), ms);
  };
}

let counter = 0;
/** Return an id that no other element has. */
export const newId = () => `n${++counter}`;
