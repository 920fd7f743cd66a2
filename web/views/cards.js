// The gallery: all cards on the table, to find, mark, and take up several at once.

import { change, get, portrait, post, send } from "../api.js";
import { debounce, fill, h, icon } from "../dom.js";
import { FORMATS } from "../files.js";
import { plural, whole } from "../format.js";
import { ask, button, confirm, empty, field, guarded, head, linkButton, pages, select, toast, trouble } from "../parts.js";

const SORTS = [["-created_at", "Newest first"], ["-updated_at", "Lately changed"], ["name", "By name"]];
const SHELVES = [["false", "On the table"], ["true", "Archived"], ["any", "All"]];
const ACCEPTED = ".png,.charx,.json,.yaml,.yml,.zip,image/png,application/json";
const MOST_TAGS = 14;

/** @param {import("../app.js").Page} page */
export async function show(page) {
  page.title("Cards");
  const wanted = { q: "", tags: /** @type {string[]} */ ([]), favorite: "", archived: "false", sort: "-created_at" };
  const grid = h("ul.gallery");
  const total = h("span.count", { role: "status" });
  const tagBar = h("div.chips.tag-bar");
  const chosen = new Set();
  const bulk = h("div.bulk", { role: "region", "aria-label": "Selected cards", hidden: true });
  const known = new Map();

  const list = pages({
    list: grid,
    load: async (cursor) => {
      const found = await get("/characters", { ...wanted, cursor, limit: 60 }, page.signal);
      return { rows: found.characters, next: found.next_cursor, total: found.total, exact: found.total_is_exact };
    },
    row: (character) => {
      for (const tag of character.tags) known.set(tag, (known.get(tag) ?? 0) + 1);
      return tile(character, { chosen, onchoose: paintBulk });
    },
    none: () => nothing(wanted, pick),
    count: (count, exact) => (fill(total, plural(count, "card") + (exact ? "" : " or more")), paintTags()),
  });
  const refresh = () => {
    chosen.clear();
    paintBulk();
    known.clear();
    return list.refresh();
  };

  function paintTags() {
    const names = [...new Set([...wanted.tags, ...[...known].sort((a, b) => b[1] - a[1]).map(([tag]) => tag)])].slice(0, MOST_TAGS);
    fill(tagBar, names.length > 0 && h("span.quiet-text", "Tags"), names.map((tag) => h("button.chip", { type: "button", "aria-pressed": String(wanted.tags.includes(tag)),
      onclick: () => {
        wanted.tags = wanted.tags.includes(tag) ? wanted.tags.filter((one) => one !== tag) : [...wanted.tags, tag];
        refresh();
      } }, tag)));
  }

  function paintBulk() {
    bulk.hidden = !chosen.size;
    grid.classList.toggle("is-choosing", chosen.size > 0);
    const act = (/** @type {string} */ action, /** @type {string[]} */ tags = []) => guarded(async () => {
      await actOn([...chosen], action, tags);
      await refresh();
    });
    fill(bulk, h("strong", `${whole(chosen.size)} chosen`),
      button("Favourite", act("favorite"), { icon: "star" }),
      wanted.archived === "true" ? button("Bring back", act("unarchive"), { icon: "box" }) : button("Archive", act("archive"), { icon: "box" }),
      button("Tag…", guarded(async () => ((await tagMany([...chosen])) ? refresh() : null)), { icon: "edit" }),
      button("Delete…", guarded(async () => {
        const sure = await confirm(`Delete ${plural(chosen.size, "card")} for good?`, "Their lorebooks and files go with them. Archiving would keep them.", "Delete for good");
        if (sure) await act("purge")(undefined);
      }), { icon: "bin", kind: "danger" }),
      button("All on this page", () => {
        for (const box of grid.querySelectorAll("input[type=checkbox]:not(:checked)")) /** @type {HTMLElement} */ (box).click();
      }, { kind: "bare" }),
      button("None", () => {
        for (const box of grid.querySelectorAll("input[type=checkbox]:checked")) /** @type {HTMLInputElement} */ (box).checked = false;
        chosen.clear();
        paintBulk();
      }, { kind: "bare" }));
  }

  const chooser = h("input.visually-hidden", { type: "file", multiple: true, accept: ACCEPTED, tabindex: -1, "aria-hidden": "true", onchange: () => bring(chooser.files) });
  const pick = () => chooser.click();
  const bring = async (/** @type {FileList|File[]|null} */ files) => {
    if (files?.length && (await importFiles([...files]))) await refresh();
    chooser.value = "";
  };
  takeDrops(page.root, bring);

  fill(page.root,
    head("Cards", "Every character that was written or brought in.", button("Import…", pick, { icon: "up" })),
    chooser,
    h("div.bar", { role: "search" },
      h("label.grow.search", "Name", icon("search"), h("input", { type: "search", autocomplete: "off", oninput: debounce((/** @type {any} */ event) => {
        wanted.q = event.target.value.trim();
        refresh();
      }) })),
      h("label", "Show", select(/** @type {any} */ (SHELVES), wanted.archived, { onchange: (/** @type {any} */ e) => ((wanted.archived = e.target.value), refresh()) })),
      h("label", "Order", select(/** @type {any} */ (SORTS), wanted.sort, { onchange: (/** @type {any} */ e) => ((wanted.sort = e.target.value), refresh()) })),
      h("button", { type: "button", "aria-pressed": "false", onclick: (/** @type {any} */ e) => {
        wanted.favorite = wanted.favorite ? "" : "true";
        e.currentTarget.setAttribute("aria-pressed", String(Boolean(wanted.favorite)));
        refresh();
      } }, icon("star"), h("span", "Favourites")), total),
    tagBar, list.box, bulk);
  await list.refresh();
}

/** @param {{q: string, tags: string[], favorite: string, archived: string}} wanted @param {() => void} pick */
function nothing(wanted, pick) {
  if (wanted.q || wanted.tags.length || wanted.favorite) return empty("No card is like that", "Take a tag or a letter away, or look among the archived ones.");
  if (wanted.archived === "true") return empty("Nothing is archived", "Cards that you archive leave the table and wait here.");
  return empty("The table is clear", "Forge cards from notes, a wiki page or a chapter; or bring in PNG, CHARX, JSON and YAML cards that you have: drop them anywhere on this page.",
    linkButton("#/new", "Forge the first cards", { icon: "forge", kind: "primary" }), button("Import…", pick, { icon: "up" }));
}

/** @type {IntersectionObserver|undefined} */
let watcher;
const sources = new WeakMap();

/** Show a portrait once it comes into sight. @param {any} character @param {HTMLImageElement} image */
export function showPortrait(character, image) {
  watcher ??= new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      watcher?.unobserve(target);
      portrait(sources.get(target)).then((url) => (/** @type {any} */ (target).src = url), () => target.classList.add("is-missing"));
    }
  }, { rootMargin: "400px" });
  sources.set(image, character);
  watcher.observe(image);
  return image;
}

/** @param {any} character @param {{chosen: Set<string>, onchoose: () => void}} choice */
function tile(character, { chosen, onchoose }) {
  const star = h("button.star", { type: "button", "aria-pressed": String(character.favorite), "aria-label": `Favourite: ${character.name}`,
    onclick: guarded(async () => {
      const { data } = await change(character.favorite ? "DELETE" : "PUT", `/characters/${character.id}/favorite`);
      character.favorite = data?.favorite ?? !character.favorite;
      star.setAttribute("aria-pressed", String(character.favorite));
    }) }, icon("star"));
  const box = h("input", { type: "checkbox", "aria-label": `Choose ${character.name}`, onchange: () => {
    if (box.checked) chosen.add(character.id);
    else chosen.delete(character.id);
    onchoose();
  } });
  return h("li.tile", { class: character.archived_at ? "is-archived" : "" },
    h("a", { href: `#/cards/${character.id}` },
      h("span.frame", showPortrait(character, h("img", { alt: "", width: 400, height: 600, decoding: "async" }))),
      h("h2", character.name)),
    h("p.tile-tags", character.tags.slice(0, 4).join(" · ") || "no tags"),
    h("label.choose", box), star);
}

/** @param {string[]} ids @param {string} action @param {string[]} [tags] */
async function actOn(ids, action, tags = []) {
  const told = { changed: 0, refused: 0 };
  for (let at = 0; at < ids.length; at += 1000) {
    const done = await post("/characters/bulk", { ids: ids.slice(at, at + 1000), action, ...(tags.length ? { tags } : {}) }, { once: crypto.randomUUID() });
    told.changed += done.changed;
    told.refused += done.refused;
    const refused = done.results.find((/** @type {any} */ one) => one.error);
    if (refused) toast(refused.error.message, "bad");
  }
  toast(`${plural(told.changed, "card")} changed${told.refused ? `, ${told.refused} refused` : ""}.`);
}

/** @param {string[]} ids */
async function tagMany(ids) {
  const input = h("input", { autocomplete: "off", placeholder: "noir, harbour" });
  const how = select([["add_tags", "Add"], ["remove_tags", "Take away"]], "add_tags");
  return (await ask(`Tag ${plural(ids.length, "card")}`, [field("What", how), field("Tags", input, { hint: "With commas between them." })], [
    { value: "", text: "Cancel" },
    { value: "done", text: "Tag them", kind: "primary", check: () => actOn(ids, how.value, input.value.split(",").map((/** @type {string} */ tag) => tag.trim()).filter(Boolean)) },
  ])) === "done";
}

/** Take files that are dropped on a view. @param {HTMLElement} root @param {(files: File[]) => void} take */
export function takeDrops(root, take) {
  const over = (/** @type {DragEvent} */ event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    root.classList.add("is-over");
  };
  root.addEventListener("dragover", over);
  root.addEventListener("dragleave", (event) => root.contains(/** @type {any} */ (event).relatedTarget) || root.classList.remove("is-over"));
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("is-over");
    take([...(event.dataTransfer?.files ?? [])]);
  });
}

/** Import files and show what became of each; says whether any came in. @param {File[]} files */
async function importFiles(files) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name);
  try {
    const done = await (await send("POST", "/characters/import", { form, once: crypto.randomUUID() })).json();
    await report(done.results, done.imported);
    return done.imported > 0;
  } catch (error) {
    const results = /** @type {any} */ (error).details?.results;
    if (results) await report(results, 0);
    else await ask("Nothing was imported", trouble(error), [{ value: "", text: "Close" }]);
    return false;
  }
}

/** @param {any[]} results @param {number} imported */
async function report(results, imported) {
  const plain = results.every((one) => one.status === "imported" && !one.warnings.length && !one.deviations.length);
  if (plain) return toast(`${plural(imported, "file")} imported.`);
  const rows = results.map((one) => h("li.row",
    h("h3", one.character_id ? h("a", { href: `#/cards/${one.character_id}`, onclick: (/** @type {any} */ e) => e.target.closest("dialog").close() }, one.name || one.file) : one.name || one.file),
    one.error ? h("p.wrong", `✕ Not imported: ${one.error.message}`) : h("small", `♦ Imported: ${one.file}, ${FORMATS[one.format] ?? one.format}`),
    [...one.warnings, ...one.deviations.map((/** @type {any} */ d) => `${d.path}: ${d.message}. ${d.fix}`)].slice(0, 6).map((text) => h("small.wrong.is-warning", text))));
  await ask(`${imported} of ${plural(results.length, "file")} imported`, h("ul.rows", rows), [{ value: "", text: "Close", kind: "primary" }], "wide");
}
