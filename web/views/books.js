// All lorebooks.

import { get } from "../api.js";
import { debounce, fill, h, icon } from "../dom.js";
import { plural, short } from "../format.js";
import { empty, head, linkButton, pages, select, when } from "../parts.js";

/** @param {import("../app.js").Page} page */
export async function show(page) {
  page.title("Lorebooks");
  const wanted = { q: "", standalone: "", sort: "-created_at" };
  const total = h("span.count", { role: "status" });
  const list = pages({
    list: h("div.rows"),
    load: async (cursor) => {
      const found = await get("/character-books", { ...wanted, cursor, limit: 50 }, page.signal);
      return { rows: found.books, next: found.next_cursor, total: found.total };
    },
    row: (book) => h("a.row.book-row", { href: `#/books/${book.id}` },
      h("div", h("h3", book.name || "Without a name"), h("small", book.description)),
      h("small", plural(book.metadata.total_entries, "entry", "entries"), " · ", `${short(book.metadata.total_tokens)} tokens`),
      h("small", book.character_id ? "of a character" : "by itself", " · ", when(book.metadata.updated_at))),
    none: () => (wanted.q || wanted.standalone ? empty("No lorebook is like that", "Take the filter away to see all of them.")
      : empty("No lorebook yet", "Cards bring theirs along. World Info and other lorebooks come in by the import of the page Cards.", linkButton("#/cards", "Go to Cards", { kind: "primary" }))),
    count: (count) => fill(total, plural(count, "lorebook")),
  });
  fill(page.root, head("Lorebooks", "What the chat is told when a key comes up."),
    h("div.bar", { role: "search" },
      h("label.grow.search", "Name or tag", icon("search"), h("input", { type: "search", autocomplete: "off", oninput: debounce((/** @type {any} */ e) => ((wanted.q = e.target.value.trim()), list.refresh())) })),
      h("label", "Show", select([["", "All"], ["false", "Of characters"], ["true", "By themselves"]], "", { onchange: (/** @type {any} */ e) => ((wanted.standalone = e.target.value), list.refresh()) })),
      h("label", "Order", select([["-created_at", "Newest first"], ["-updated_at", "Lately changed"], ["name", "By name"]], wanted.sort, { onchange: (/** @type {any} */ e) => ((wanted.sort = e.target.value), list.refresh()) })), total),
    list.box);
  await list.refresh();
}
