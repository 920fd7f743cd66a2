// One batch, dealt card by card as it is written.

import { change, get, post, save } from "../api.js";
import { debounce, fill, h } from "../dom.js";
import { watch } from "../events.js";
import { batchName, duration, money, moment, plural, whole } from "../format.js";
import { ask, back, badge, button, confirm, field, figure, guarded, head, meter, select, toast, toastError, trouble } from "../parts.js";
import { showPortrait } from "./cards.js";

const OVER = new Set(["completed", "failed", "cancelled"]);
const DEALT = 400; // cards that are drawn; a batch can have 10,000
const FACES = 60; // of those, how many show their portrait

/** @param {import("../app.js").Page} page */
export async function show(page) {
  const path = `/batch-generations/${page.id}`;
  const batch = await get(path, undefined, page.signal);
  const name = batchName(batch);
  page.title(name);
  const view = { head: h("div"), link: h("div"), figures: h("dl.figures"), bar: h("div"), deck: h("ol.deck"), failed: h("section"), compared: h("section") };
  const seen = { ended: endedOf(batch), at: Date.now(), began: endedOf(batch), since: Date.now() };
  const items = new Map();
  fill(page.root, view.head, view.link, h("section.paper.progress", view.bar, view.figures), view.deck, view.failed, view.compared);
  await loadItems(path, batch, items, page.signal);
  view.deck.append(...[...items.values()].slice(0, DEALT).map((item) => item.node));
  if (batch.progress.total > DEALT) view.deck.after(h("p.note", `The first ${DEALT} of ${whole(batch.progress.total)} cards.`));
  const paint = () => paintAll(page, path, batch, view, seen, items);
  paint();
  const turned = faces(items, page.signal).catch(toastError);
  const turnOver = debounce(() => faces(items, page.signal).catch(toastError), 250);
  if (OVER.has(batch.status)) return void turned.then(() => compare(path, batch, view.compared, items));
  const ticking = setInterval(paint, 1000);
  page.signal.addEventListener("abort", () => clearInterval(ticking));
  follow();

  function follow() {
    watch(`${path}/events`, {
      signal: page.signal,
      tell: ({ event, data }) => {
        Object.assign(batch, data.batch ?? {});
        const item = items.get(data.item_id);
        if (event === "status" && item) turn(item, data);
        if (event === "status" && data.status === "completed") turnOver();
        paint();
      },
      state: async (state, why) => {
        fill(view.link, connection(state, why));
        if (state !== "over" || page.signal.aborted) return;
        clearInterval(ticking);
        Object.assign(batch, await get(path, undefined, page.signal));
        for (const fresh of batch.items) if (items.has(fresh.item_id)) turn(items.get(fresh.item_id), fresh);
        paint();
        turnOver();
        compare(path, batch, view.compared, items);
      },
    });
  }
}

/** What is said of the connection; nothing while all is well. @param {string} state @param {string} [why] */
export function connection(state, why) {
  if (state === "lost") return h("p.warn.connection", { role: "status" }, h("strong", "Connection lost, trying again."), " The work goes on; what you see here is from before.");
  return why ? h("p.warn.connection", { role: "status" }, why) : null;
}

/** @param {any} batch */
const endedOf = (batch) => batch.progress.completed + batch.progress.failed + batch.progress.cancelled;

/** @param {string} path @param {any} batch @param {Map<string, any>} items @param {AbortSignal} signal */
async function loadItems(path, batch, items, signal) {
  let found = { items: batch.items, next_cursor: /** @type {string|null} */ (null) };
  if (batch.progress.total > batch.items.length) found = await get(`${path}/items`, { limit: 200 }, signal);
  for (;;) {
    for (const item of found.items) items.set(item.item_id, dealt(item));
    if (!found.next_cursor || items.size >= DEALT) return;
    found = await get(`${path}/items`, { limit: 200, cursor: found.next_cursor }, signal);
  }
}

/** One card of the deck, face down until it is written. @param {any} item */
function dealt(item) {
  const image = h("img", { alt: "", width: 400, height: 600 });
  const label = h("span.visually-hidden");
  const link = h("a.back", h("i", item.position), image, label);
  const held = { ...item, node: h("li.deal", link), link, image, label, name: item.character_name ?? "", hasFace: false };
  turn(held, item);
  return held;
}

/** @param {any} item @param {any} news */
function turn(item, news) {
  for (const name of ["status", "job_id", "error", "downloads"]) if (name in news) item[name] = news[name];
  item.node.className = `deal is-${item.status} ${item.hasFace ? "has-face" : ""}`;
  item.link.href = item.character_id ? `#/cards/${item.character_id}` : `#/jobs/${item.job_id}`;
  item.label.textContent = `Card ${item.position}${item.name ? `, ${item.name}` : ""}: ${item.status}`;
  item.link.title = item.name || item.error?.message || item.status;
}

/** Turn written cards over: most are among the newest characters; the others are looked up one by one. @param {Map<string, any>} items @param {AbortSignal} signal */
async function faces(items, signal) {
  const bare = [...items.values()].filter((item) => item.status === "completed" && !item.hasFace && item.position <= FACES);
  if (!bare.length) return;
  const { characters } = await get("/characters", { limit: 200, archived: "any" }, signal);
  const newest = new Map(characters.map((/** @type {any} */ one) => [one.job_id, one]));
  for (const item of bare) {
    const character = newest.get(item.job_id) ?? (await madeBy(item.job_id, signal).catch(() => null)); // deleted since: it stays face down
    if (!character || item.hasFace) continue;
    Object.assign(item, { character_id: character.id, name: character.name, hasFace: true });
    showPortrait(character, item.image);
    turn(item, item);
  }
}

/** @param {string} jobId @param {AbortSignal} signal */
async function madeBy(jobId, signal) {
  const { character_id: id } = await get(`/jobs/${jobId}`, undefined, signal);
  return id && get(`/characters/${id}`, undefined, signal);
}

/** @param {import("../app.js").Page} page @param {string} path @param {any} batch @param {any} view @param {any} seen @param {Map<string, any>} items */
function paintAll(page, path, batch, view, seen, items) {
  const { total, queued, processing, completed, failed, cancelled, percent } = batch.progress;
  const isOver = OVER.has(batch.status);
  const actionsFor = `${batch.status} ${failed} ${cancelled}`;
  if (seen.actions !== actionsFor) {
    seen.actions = actionsFor;
    const hasFocus = view.head.contains(document.activeElement);
    fill(view.head, head(batchName(batch), [badge(batch.status), ` · submitted ${moment(batch.created_at)}`], actions(page, path, batch, isOver), back("#/batches", "Batches")));
    if (hasFocus) view.head.querySelector("h1").focus();
    fill(view.failed, failures([...items.values()].filter((item) => item.status === "failed")));
  }
  const bar = view.bar.firstElementChild;
  if (!bar) fill(view.bar, meter(percent, "Cards that have ended"));
  else (bar.setAttribute("aria-valuenow", Math.round(percent)), (bar.firstElementChild.style.width = `${percent}%`));
  const { rate, left } = pace(batch, seen, isOver);
  fill(view.figures, figure("Written", `${whole(completed)} of ${whole(total)}`), figure("In work", whole(processing), queued > 0 && `${whole(queued)} waiting`),
    figure("Failed", whole(failed), cancelled > 0 && `${whole(cancelled)} cancelled`),
    figure("Cost so far", money(batch.cost_usd), batch.max_cost_usd ? `of ${money(batch.max_cost_usd)} at most` : batch.wasted_usd > 0 && `${money(batch.wasted_usd)} on failed calls`),
    isOver ? figure("Took", duration((Date.parse(batch.finished_at) - Date.parse(batch.started_at ?? batch.finished_at)) / 1000)) : figure("Left, about", duration(left)),
    figure("Cards a minute", rate ? rate.toFixed(rate < 10 ? 1 : 0) : "–"));
}

/** Cards a minute, and the seconds that are left at that pace. @param {any} batch @param {any} seen @param {boolean} isOver */
function pace(batch, seen, isOver) {
  const ended = endedOf(batch);
  const since = Date.parse(batch.started_at ?? "") || seen.since;
  const until = isOver ? Date.parse(batch.finished_at) : Date.now();
  const rate = ended && until > since ? (ended * 60_000) / (until - since) : 0;
  return { rate, left: rate ? ((batch.progress.total - ended) / rate) * 60 : null };
}

/** @param {import("../app.js").Page} page @param {string} path @param {any} batch @param {boolean} isOver */
function actions(page, path, batch, isOver) {
  const again = page.again;
  const cancel = async () => {
    if (!(await confirm("Cancel what has not ended?", "Cards that are written stay. What was paid stays booked.", "Cancel the rest"))) return;
    Object.assign(batch, (await change("POST", `${path}/cancel`)).data);
    toast("Cancelled.");
  };
  const retry = async () => {
    const done = await post(`${path}/retry`, { include_cancelled: batch.progress.cancelled > 0 }, { once: crypto.randomUUID() });
    toast(`${plural(done.retried?.length ?? done.retried, "card")} to be written again.`);
    again();
  };
  const remove = async () => {
    if (!(await confirm("Delete this batch?", "Its jobs, logs and files go with it. The cards stay in the gallery.", "Delete the batch"))) return;
    await change("DELETE", path);
    location.hash = "#/batches";
  };
  return [
    !isOver && button("Cancel the rest", guarded(cancel), { icon: "close" }),
    isOver && batch.progress.failed + batch.progress.cancelled > 0 && button("Retry what is missing", guarded(retry), { icon: "again" }),
    batch.progress.completed > 0 && button("Download…", guarded(() => download(path)), { icon: "down", kind: "primary" }),
    isOver && button("", guarded(remove), { icon: "bin", label: "Delete this batch", kind: "bare" }),
  ];
}

/** @param {string} path */
async function download(path) {
  const what = select([["", "All files, as one ZIP"], ["tavernai", "PNG cards, as one ZIP"], ["charx", "CHARX, as one ZIP"], ["json", "JSON, as one ZIP"], ["v2", "V2, as one ZIP"], ["lines", "Everything as JSON Lines"]], "");
  const take = () => (what.value === "lines" ? save(`${path}/results`) : save(`${path}/download`, { format: what.value }));
  await ask("Download this batch", field("Which files", what, { hint: "Formats are there if they were asked for when the batch was submitted." }), [
    { value: "", text: "Cancel" }, { value: "done", text: "Download", kind: "primary", check: take }]);
}

/** @param {any[]} failed */
function failures(failed) {
  if (!failed.length) return null;
  return h("section.paper.failures", h("h2", "What failed"), h("ul", failed.slice(0, 50).map((item) => h("li",
    h("a", { href: `#/jobs/${item.job_id}` }, `Card ${item.position}`), " ", item.error?.message ?? "", " ", item.error && h("code", item.error.code)))));
}

/** How the cards of a batch stand beside each other. @param {string} path @param {any} batch @param {HTMLElement} box @param {Map<string, any>} items */
async function compare(path, batch, box, items) {
  if (batch.progress.completed < 2) return;
  try {
    const { findings, compared } = await get(`${path}/lint`);
    const worth = findings.filter((/** @type {any} */ one) => one.severity !== "I");
    fill(box, h("section.paper.compared", h("h2", "Side by side"), worth.length === 0 ? h("p", `${plural(compared, "card")} compared: no two are too much alike.`)
      : h("ul.findings", worth.slice(0, 20).map((/** @type {any} */ one) => h("li.finding", { class: `is-${one.severity}` }, h("span.rule", one.rule), h("span", concerned(one.field, items), " ", named(one.message, items), ". ", h("em", `${one.fix}.`)))))));
  } catch (error) {
    fill(box, trouble(error));
  }
}

/** The card that a finding names, as a link: `item_3.first_mes`. @param {string} field @param {Map<string, any>} items */
function concerned(field, items) {
  const [id, ...rest] = field.split(".");
  const item = items.get(id);
  return item ? [h("a", { href: item.link.getAttribute("href") }, item.name || `Card ${item.position}`), rest.length > 0 && h("code", ` ${rest.join(".")}`)] : h("strong", field);
}

/** A message with the names of cards in place of their numbers. @param {string} message @param {Map<string, any>} items */
const named = (message, items) => message.replace(/\bitem_\d+\b/g, (id) => items.get(id)?.name || id);
