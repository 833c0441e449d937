// Keeps the page up to date. Without it every page works all the same, and is reloaded by hand.
"use strict";

const PAUSE = 300; // ms between two reloads, however much news there is
const live = document.querySelector("[data-live]");
const clock = document.getElementById("now");
const news = document.getElementById("news");
const events = new URL("../events", document.currentScript.src);
let sequence = Number(document.body.dataset.sequence);
let ahead = Date.parse(clock.dateTime) - Date.now(); // of the mock's clock, in ms

function showTime() {
  if (clock.hasAttribute("data-frozen")) return;
  const now = new Date(Date.now() + ahead).toISOString();
  clock.dateTime = now;
  clock.textContent = readable(now);
}

function showClock({ time, offset, frozen }) {
  clock.dateTime = time;
  clock.toggleAttribute("data-frozen", frozen);
  if (frozen) clock.textContent = readable(time);
  show("offset", offset);
  show("frozen", frozen ? "frozen" : "");
}

function show(id, text) {
  const element = document.getElementById(id);
  element.textContent = text;
  element.hidden = text === "";
}

function readable(time) {
  return time.slice(0, 19).replace("T", " ") + " UTC";
}

let source = null;

function listen() {
  source = new EventSource(events);
  source.addEventListener("pulse", (event) => {
    const pulse = JSON.parse(event.data);
    ahead = Date.parse(pulse.time) - Date.now();
    showClock(pulse);
    if (pulse.sequence === sequence) return;
    sequence = pulse.sequence;
    refresh();
  });
}

let wanted = false;
let busy = false;

async function refresh() {
  wanted = true;
  if (busy || live === null) return;
  busy = true;
  while (wanted) {
    await new Promise((done) => setTimeout(done, PAUSE));
    if (isSelecting()) continue;
    wanted = false;
    try {
      await reload();
    } catch {
      // The mock is being restarted: the next event brings the news.
    }
  }
  busy = false;
}

// Text that is being copied must not vanish.
function isSelecting() {
  const selection = getSelection();
  return !selection.isCollapsed && live.contains(selection.anchorNode);
}

async function reload() {
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-live]");
  if (fresh === null || fresh.innerHTML === live.innerHTML) return;
  replace(fresh);
}

// What the reader has opened stays open, and the focus stays where it is.
function replace(fresh) {
  const focus = document.activeElement;
  const focused = live.contains(focus) ? path(focus) : null;
  for (const opened of live.querySelectorAll("details[id]")) {
    const same = fresh.querySelector(`#${CSS.escape(opened.id)}`);
    if (same !== null) same.open = opened.open;
  }
  const known = new Set([...live.querySelectorAll("tr[id]")].map((row) => row.id));
  const rows = [...fresh.querySelectorAll("tr[id]")].filter((row) => !known.has(row.id));
  live.replaceChildren(...fresh.childNodes);
  for (const row of rows) row.classList.add("fresh");
  if (focused !== null) document.querySelector(focused)?.focus({ preventScroll: true });
  if (rows.length > 0 && known.size > 0) {
    news.textContent = rows.length === 1 ? `New: ${words(rows[0])}` : `${rows.length} new rows`;
  }
}

function words(element) {
  return element.textContent.replace(/\s+/g, " ").trim();
}

// A selector that finds the element again in a page of the same shape.
function path(element) {
  const parts = [];
  for (let each = element; each !== live; each = each.parentElement) {
    if (each.id !== "") {
      parts.unshift(`#${CSS.escape(each.id)}`);
      return parts.join(" > ");
    }
    const place = [...each.parentElement.children].indexOf(each) + 1;
    parts.unshift(`${each.localName}:nth-child(${place})`);
  }
  return ["#live", ...parts].join(" > ");
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // Only secure origins have a clipboard: then the text is selected, to be copied by hand.
    getSelection().selectAllChildren(source);
    news.textContent = "Selected";
    return;
  }
  button.textContent = news.textContent = "Copied";
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

document.addEventListener("click", (event) => {
  const question = event.target.closest("[data-confirm]")?.dataset.confirm;
  if (question !== undefined && !confirm(question)) event.preventDefault();
  const panel = document.getElementById("clock");
  if (!panel.contains(event.target)) panel.open = false;
});

document.addEventListener("keydown", (event) => {
  const panel = document.getElementById("clock");
  if (event.key !== "Escape" || !panel.open) return;
  panel.open = false;
  panel.querySelector("summary").focus();
});

// What was said once need not be said again on reload.
const here = new URL(location.href);
if (here.searchParams.has("done")) {
  here.searchParams.delete("done");
  history.replaceState(null, "", here);
}

setInterval(showTime, 1000);
listen();
// A browser has few connections for one host: pages that nobody looks at need none.
document.addEventListener("visibilitychange", () => {
  source.close();
  if (!document.hidden) listen();
});
