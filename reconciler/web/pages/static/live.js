// What makes the pages more comfortable. Everything works without it.
"use strict";

(() => {
  const page = document.documentElement;
  const root = page.dataset.root;
  const main = document.querySelector("main");
  const freshness = document.getElementById("freshness");
  const EVERY = 30_000; // upstreams and passes change without an event
  const POLL = 10_000;
  page.classList.add("js");

  const say = (words) => {
    if (freshness && freshness.textContent !== words) freshness.textContent = words;
  };

  const localTimes = (within) => {
    for (const time of within.querySelectorAll("time[datetime]")) {
      time.title = new Date(time.dateTime).toLocaleString() + " (" + time.title + ")";
    }
  };

  // --- keeping the page up to date: the server renders, only what differs is put in ---

  let isBusy = false;
  let isAskedAgain = false;
  let lostAt = null;

  const shown = new Map(); // what the server last sent of each part, to leave alone what did not change
  const partsOf = (within) => [...within.querySelectorAll(":scope > [data-part]")];

  const replace = (old, fresh) => {
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...old.querySelectorAll("details[open]")].map((one) => one.id);
    old.replaceWith(fresh);
    for (const id of open) if (id) fresh.querySelector("#" + CSS.escape(id))?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    localTimes(fresh);
  };

  const put = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const from = fresh.querySelector("main");
    if (!from || !from.dataset.live) return location.reload();
    document.title = fresh.title;
    const now = partsOf(main);
    const next = partsOf(from);
    let before = null;
    for (const part of next) {
      const old = now.find((one) => one.id === part.id);
      const text = part.outerHTML;
      const mounted = document.importNode(part, true);
      if (!old) {
        if (before) before.after(mounted); else main.prepend(mounted);
        localTimes(mounted);
      } else if (shown.get(part.id) !== text) {
        replace(old, mounted);
      }
      shown.set(part.id, text);
      before = document.getElementById(part.id);
    }
    for (const old of now) if (!next.some((part) => part.id === old.id)) old.remove();
  };

  const refresh = async () => {
    if (isBusy) { isAskedAgain = true; return; }
    if (document.hidden || document.activeElement?.matches("main input, main textarea")) return;
    isBusy = true;
    try {
      const reply = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual", cache: "no-store" });
      if (reply.type === "opaqueredirect") return location.reload(); // signed out meanwhile
      if (!reply.ok && reply.status !== 404) throw new Error(String(reply.status));
      put(await reply.text());
      lostAt = null;
      say("Up to date since " + new Date().toLocaleTimeString() + ".");
    } catch {
      lostAt ??= new Date();
      say("The service cannot be reached since " + lostAt.toLocaleTimeString() + "; this page is older than that.");
    } finally {
      isBusy = false;
      if (isAskedAgain) { isAskedAgain = false; soon(); }
    }
  };

  let timer = 0;
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 300); };

  const follow = () => {
    const source = new EventSource(root + "/events");
    source.addEventListener("open", () => { say("Live."); soon(); });
    source.addEventListener("timeline", soon);
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) { // refused: another stream may be welcome later
        setTimeout(follow, EVERY);
      }
      soon();
    });
  };

  // --- the plan of a deletion: looking at the upstreams takes a moment, so it comes after the page ---

  const load = async (section) => {
    const link = section.querySelector("p");
    const waiting = document.createElement("p");
    waiting.textContent = "Looking at the upstreams …";
    link.hidden = true;
    section.append(waiting);
    try {
      const reply = await fetch(section.dataset.load, { headers: { Accept: "text/html" }, redirect: "manual" });
      const plan = new DOMParser().parseFromString(await reply.text(), "text/html").querySelector(".plan");
      if (!plan) throw new Error(String(reply.status));
      section.append(document.importNode(plan, true));
    } catch {
      link.hidden = false;
    } finally {
      waiting.remove();
    }
  };

  // --- copying ---

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch { // only secure pages may write; mark the text, so that a key does it
      getSelection().selectAllChildren(source);
      button.textContent = "Marked: press Ctrl C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 3000);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button.copy");
    if (button) copy(button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.activeElement?.classList.contains("chip")) document.activeElement.blur();
  });

  localTimes(document);
  for (const section of document.querySelectorAll("[data-load]")) load(section);
  if (main.dataset.live) {
    for (const part of partsOf(main)) shown.set(part.id, "");
    if (main.dataset.live === "events") follow();
    setInterval(refresh, main.dataset.live === "events" ? EVERY : POLL);
    document.addEventListener("visibilitychange", refresh);
  }
})();
