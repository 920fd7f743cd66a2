// All profiles: those that come along, and one's own.

import { ApiError, get, post } from "../api.js";
import { debounce, fill, h, icon } from "../dom.js";
import { plural } from "../format.js";
import { ask, blame, button, empty, field, guarded, head, pages, toast, when } from "../parts.js";
import { inOrder } from "../profiles.js";

/** @param {import("../app.js").Page} page */
export async function show(page) {
  page.title("Profiles");
  const wanted = { q: "" };
  const total = h("span.count", { role: "status" });
  const list = pages({
    list: h("div.rows"),
    load: async (cursor) => {
      const found = await get("/profiles", { ...wanted, cursor, limit: 100 }, page.signal);
      return { rows: inOrder(found.profiles), next: found.next_cursor, total: found.total };
    },
    row: (profile) => h("div.row.profile-row",
      h("div", h("h3", h("a", { href: `#/profiles/${profile.id}` }, profile.name)), h("small", profile.description)),
      h("small", profile.is_builtin ? "comes with Cardforge" : [`yours · version ${profile.version} · `, when(profile.updated_at)]),
      button("Copy…", guarded(() => copy(profile)), { kind: "small", label: `Copy ${profile.name}` })),
    none: () => (wanted.q ? empty("No profile is like that", "Try another word.") : empty("No profile", "There should be built-in ones: have the operator run the migrations.")),
    count: (count) => fill(total, plural(count, "profile")),
  });
  fill(page.root, head("Profiles", "Ways of writing: models, lengths, checks and prompts. Every version is kept.", button("New profile…", guarded(() => copy({ id: "profile_default", name: "default", description: "" })), { icon: "forge", kind: "primary" })),
    h("div.bar", { role: "search" }, h("label.grow.search", "Name or description", icon("search"), h("input", { type: "search", autocomplete: "off", oninput: debounce((/** @type {any} */ e) => ((wanted.q = e.target.value.trim()), list.refresh())) })), total),
    list.box);
  await list.refresh();
}

/** Make a profile of one's own that begins as another one. @param {any} profile */
export async function copy(profile) {
  const name = h("input", { maxlength: 100, autocomplete: "off", placeholder: "Harbour noir", required: true });
  const described = h("input", { maxlength: 2000, value: profile.description });
  let made = { id: "" };
  const clone = async () => {
    try {
      made = await post(`/profiles/${profile.id}/clone`, { name: name.value, description: described.value }, { once: crypto.randomUUID() });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      blame(name, error.fields.map(([, told]) => told).join(" ") || error.message);
      return false;
    }
  };
  const said = await ask("A profile of your own", [h("p", "It begins as ", h("strong", profile.name), " and goes its own way from there."), field("Name", name), field("What it is for", described)], [
    { value: "", text: "Cancel" }, { value: "done", text: "Make it", kind: "primary", check: clone }]);
  if (said !== "done") return;
  toast("Made. Change what is to be different.");
  location.hash = `#/profiles/${made.id}`;
}
